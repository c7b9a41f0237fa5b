using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>One start of a program. Memory in bytes; what the system does not tell is not a number.</summary>
internal sealed record Started(double Milliseconds, double Resident, double Proportional, double Private);

/// <summary>A published program, started by the arguments of <c>dotnet</c>.</summary>
/// <param name="name">What it is called in the report.</param>
/// <param name="arguments">The program and its arguments, but for where it listens.</param>
/// <param name="nextCookie">A session for the first request of each start.</param>
internal sealed class PublishedProgram(string name, string[] arguments, Func<string> nextCookie)
{
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan MaxStart = TimeSpan.FromMinutes(1);

    public string Name => name;

    /// <summary>Copies what is needed to publish, so that the repository's own build stays as it is.</summary>
    public static string CopySource(string folder)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "AuthApi.sln")))
        {
            root = root.Parent ?? throw new InvalidOperationException("This program does not lie in its repository.");
        }

        foreach (var file in root.GetFiles())
        {
            file.CopyTo(Path.Combine(folder, file.Name));
        }

        CopyFolder(new DirectoryInfo(Path.Combine(root.FullName, "src")), Path.Combine(folder, "src"));
        CopyFolder(new DirectoryInfo(Path.Combine(root.FullName, "tests", "AuthApi.Benchmarks")), Path.Combine(folder, "tests", "AuthApi.Benchmarks"));
        return folder;
    }

    /// <exception cref="InvalidOperationException">It cannot be published.</exception>
    public static async Task PublishAsync(string project, string output, params string[] more)
    {
        // Without a server that stays behind.
        var info = new ProcessStartInfo("dotnet", ["publish", project, "-c", "Release", "-o", output, "--nologo", "--disable-build-servers", .. more])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = Path.GetDirectoryName(project),
        };
        using var process = Process.Start(info)!;
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"It could not be published: {said}");
        }
    }

    /// <summary>Starts it, waits for its first answer, leaves it alone for a while, looks at its memory and ends it.</summary>
    public async Task<Started> StartAsync(TimeSpan idle)
    {
        var server = FindFreePort();
        var startedAt = Stopwatch.GetTimestamp();
        var info = new ProcessStartInfo("dotnet", [.. arguments, "--urls", $"http://{server}"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using var process = Process.Start(info)!;
        try
        {
            _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
            using (var connection = await ConnectAsync(server, process, startedAt))
            {
                connection.Exchange(HttpRequests.Me(server, nextCookie()), StatusCodes.Status200OK);
            }

            var milliseconds = Stopwatch.GetElapsedTime(startedAt).TotalMilliseconds;
            await Task.Delay(idle);
            return ReadMemory(process, milliseconds);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    private static void CopyFolder(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in from.GetFiles())
        {
            file.CopyTo(Path.Combine(to, file.Name));
        }

        foreach (var folder in from.GetDirectories().Where(folder => folder.Name is not ("bin" or "obj")))
        {
            CopyFolder(folder, Path.Combine(to, folder.Name));
        }
    }

    private static IPEndPoint FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return (IPEndPoint)listener.LocalEndpoint;
    }

    private static async Task<KeepAliveConnection> ConnectAsync(IPEndPoint server, Process process, long startedAt)
    {
        while (true)
        {
            try
            {
                return new KeepAliveConnection(server);
            }
            catch (SocketException) when (!process.HasExited && Stopwatch.GetElapsedTime(startedAt) < MaxStart)
            {
                await Task.Delay(BetweenTries);
            }
        }
    }

    private static Started ReadMemory(Process process, double milliseconds)
    {
        process.Refresh();
        var path = $"/proc/{process.Id}/smaps_rollup";
        var lines = File.Exists(path) ? File.ReadAllLines(path) : [];
        return new Started(milliseconds, process.WorkingSet64, Sum("Pss:"), Sum("Private_Clean:", "Private_Dirty:"));

        // As "Pss:   1234 kB".
        double Sum(params string[] names) => lines.Length == 0 ? double.NaN : names.Sum(name => 1024 * double.Parse(
            lines.Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));
    }
}
