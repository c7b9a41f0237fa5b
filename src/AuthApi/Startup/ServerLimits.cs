using System.Globalization;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AuthApi.Startup;

/// <summary>
/// Limits what a client can make the server hold in memory. A limit in the configuration section <c>Kestrel:Limits</c> wins over these
/// (ASVS 13.1.2, 15.2.2; decision 0018).
/// </summary>
internal static class ServerLimits
{
    /// <summary>The largest request body that is read, in bytes.</summary>
    private const int MaxBody = 16 * 1024;

    // The path of a request, and a Cookie or Authorization header of 16 KB beside which the problem can still be written.
    private const int MaxHeaders = 32 * 1024;

    private const string Section = "Kestrel:Limits";

    // The smallest that HTTP/2 allows (RFC 9113, 6.9.2). No body is larger than 16 KB.
    private const int MaxBuffered = 65_535;

    // What one connection can hold at worst: its buffer, and headers, which are twice as large once they are strings.
    private const int BytesPerConnection = MaxBuffered + (2 * MaxHeaders);

    // The files of the program, of which each assembly keeps one open (some 300 in all), of the database and of the log.
    private const int HandlesForFiles = 512;

    /// <summary>The memory available to the process, in bytes: of its container, where that is limited.</summary>
    public static long Memory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    public static void AddServerLimits(this IServiceCollection services)
    {
        services.AddKnownKeys<KestrelServerLimits>(Section);
        services.AddKnownKeys<Http2Limits>($"{Section}:{nameof(KestrelServerLimits.Http2)}");
        services.AddKnownKeys<Http3Limits>($"{Section}:{nameof(KestrelServerLimits.Http3)}");
        services.AddKnownKeys<MinDataRate>($"{Section}:{nameof(KestrelServerLimits.MinRequestBodyDataRate)}");
        services.AddKnownKeys<MinDataRate>($"{Section}:{nameof(KestrelServerLimits.MinResponseDataRate)}");
        services.AddOptions<KestrelServerOptions>()
            .Configure(options =>
            {
                options.AddServerHeader = false;

                // Or each stream that has ended would keep its headers for the next one.
                options.DisableStringReuse = true;
                SetLimits(options.Limits);
            })
            .BindConfiguration("Kestrel");
    }

    /// <summary>How many connections there may be: as many as there are handles for, and as fit into a quarter of the memory.</summary>
    /// <param name="handles">How many handles the process may open; <see langword="null"/> where that is not limited.</param>
    /// <param name="memory">The memory available to the process, in bytes.</param>
    public static long MaxConnections(long? handles, long memory)
    {
        var byMemory = memory / 4 / BytesPerConnection;
        var byHandles = handles is { } limit ? limit - Math.Max(HandlesForFiles, limit / 4) : long.MaxValue;
        return Math.Max(Math.Min(byMemory, byHandles), 16);
    }

    /// <summary>How many requests there may be under way: as many as fit into an eighth of the memory, and enough for a burst of logins.</summary>
    /// <param name="memory">The memory available to the process, in bytes.</param>
    public static int MaxRequests(long memory) => (int)Math.Clamp(memory / 8 / BytesPerConnection, 256, 100_000);

    private static void SetLimits(KestrelServerLimits limits)
    {
        limits.MaxRequestBodySize = MaxBody;
        limits.MaxRequestHeadersTotalSize = MaxHeaders;
        limits.MaxRequestBufferSize = MaxBuffered;
        limits.MaxConcurrentConnections = MaxConnections(MaxHandles(), Memory);

        // A client that sends a line of its headers now and then would hold a connection for the default 30 seconds.
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);

        limits.Http2.MaxStreamsPerConnection = 32;
        limits.Http2.InitialConnectionWindowSize = MaxBuffered;
        limits.Http2.InitialStreamWindowSize = MaxBuffered;
        limits.Http2.MaxRequestHeaderFieldSize = MaxHeaders;
    }

    // Linux says it here; .NET has raised the soft limit to the hard one by now.
    private static long? MaxHandles()
    {
        const string Limits = "/proc/self/limits";
        const string Name = "Max open files";
        var line = File.Exists(Limits) ? File.ReadLines(Limits).FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal)) : null;
        return line is not null && long.TryParse(line[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture, out var limit)
            ? limit
            : null;
    }
}
