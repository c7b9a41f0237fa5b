using System.Net;
using AuthApi.Sessions;
using AuthApi.Startup;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>The configuration section <c>ForwardedHeaders</c>.</summary>
public sealed class KnownProxiesOptions
{
    public const string Section = "ForwardedHeaders";

    /// <summary>Addresses or networks of the proxies whose <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Prefix</c> are believed.</summary>
    public IReadOnlyList<string> KnownProxies { get; set; } = [];

    /// <summary>How many proxies a request passes, 1 to 10: so many values are read from the end of each header, and what stands before them is not believed.</summary>
    public int ForwardLimit { get; set; } = 1;
}

/// <summary>Takes the client's address, the scheme and the path prefix from proxies that the configuration names.</summary>
internal static partial class KnownProxies
{
    public const string Key = $"{KnownProxiesOptions.Section}:{nameof(KnownProxiesOptions.KnownProxies)}";

    private const string LimitKey = $"{KnownProxiesOptions.Section}:{nameof(KnownProxiesOptions.ForwardLimit)}";
    private const int MinPrefix = 8;
    private const int MaxForwardLimit = 10;

    public static void AddKnownProxies(this IServiceCollection services)
    {
        services.AddKnownKeys<KnownProxiesOptions>(KnownProxiesOptions.Section);
        services.AddOptions<KnownProxiesOptions>().Configure<IConfiguration>((options, configuration) =>
        {
            // The framework's own switch believes every client.
            if (configuration.GetValue<bool>("ForwardedHeaders_Enabled"))
            {
                throw new ConfigurationException("ForwardedHeaders_Enabled", $"(ASPNETCORE_FORWARDEDHEADERS_ENABLED) would believe any client; name the proxies in {Key} instead.");
            }

            options.KnownProxies = configuration.GetList(Key);
            options.ForwardLimit = configuration.GetValue(LimitKey, options.ForwardLimit);
            if (options.ForwardLimit is < 1 or > MaxForwardLimit)
            {
                throw new ConfigurationException(LimitKey, $"must be between 1 and {MaxForwardLimit}.");
            }
        });
        services.AddOptions<ForwardedHeadersOptions>().Configure<IOptions<KnownProxiesOptions>>((options, known) =>
        {
            options.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedPrefix;

            // A client inside a known network is no proxy: what it has written before the proxy's own value is not believed.
            options.ForwardLimit = known.Value.ForwardLimit;

            // Only the proxies that are named; the framework's default believes any process on this machine.
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
            foreach (var text in known.Value.KnownProxies)
            {
                // Not "10", which the parser takes for 0.0.0.10.
                if (IPAddress.TryParse(text, out var address) && text.AsSpan().ContainsAny('.', ':'))
                {
                    options.KnownProxies.Add(address);
                }
                else if (!System.Net.IPNetwork.TryParse(text, out var network))
                {
                    throw new ConfigurationException(Key, $"has '{text}', which is neither an address nor a network (10.0.0.0/8).");
                }
                else if (network.PrefixLength < MinPrefix)
                {
                    throw new ConfigurationException(Key, $"has '{text}', which is too large: at least a /{MinPrefix}.");
                }
                else
                {
                    options.KnownIPNetworks.Add(network);
                }
            }
        }).ValidateOnStart();
    }

    /// <summary>
    /// Takes the client's address, the scheme and the path prefix from the proxies that are named in the configuration, and from no
    /// other address. Forwarded headers of another address are ignored and logged: a client has made them up, or a proxy is missing in the
    /// configuration.
    /// </summary>
    public static IApplicationBuilder UseKnownProxies(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<IOptions<ForwardedHeadersOptions>>().Value;
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(KnownProxies).FullName!);
        var throttle = new LogThrottle(app.Services.GetRequiredService<TimeProvider>());
        app.Use((context, next) =>
        {
            if (IsForwarded(context.Request.Headers, options) && !IsKnown(context.Connection.RemoteIpAddress, options))
            {
                context.Features.Set(UnknownProxy.Mark);
                if (throttle.IsDue())
                {
                    Log.Unknown(logger, ClientInfo.Of(context).IpAddress, Key);
                }
            }

            return next(context);
        });

        // With none named, the middleware would believe every client.
        return options.KnownProxies.Count + options.KnownIPNetworks.Count > 0 ? app.UseForwardedHeaders() : app;
    }

    /// <summary>Whether the request has forwarded headers that were not believed, as <see cref="KnownProxiesOptions.KnownProxies"/> does not name its sender.</summary>
    public static bool IsOfUnknownProxy(HttpContext context) => context.Features.Get<UnknownProxy>() is not null;

    private static bool IsForwarded(IHeaderDictionary headers, ForwardedHeadersOptions options) =>
        headers.ContainsKey(options.ForwardedForHeaderName)
        || headers.ContainsKey(options.ForwardedProtoHeaderName)
        || headers.ContainsKey(options.ForwardedPrefixHeaderName);

    private static bool IsKnown(IPAddress? address, ForwardedHeadersOptions options)
    {
        if (address is null)
        {
            return false;
        }

        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return options.KnownProxies.Contains(plain) || options.KnownProxies.Contains(address) || options.KnownIPNetworks.Any(network => network.Contains(plain));
    }

    private sealed class UnknownProxy
    {
        public static readonly UnknownProxy Mark = new();
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The X-Forwarded headers of {IpAddress} are not believed, as {Key} does not name that address. If it is your proxy, add it there. Logged at most once a minute.")]
        public static partial void Unknown(ILogger logger, string? ipAddress, string key);
    }
}
