using System.Net;
using AuthApi.Startup;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>The configuration section <c>ForwardedHeaders</c>.</summary>
public sealed class KnownProxiesOptions
{
    public const string Section = "ForwardedHeaders";

    /// <summary>Addresses or networks of the proxies that are believed.</summary>
    public IReadOnlyList<string> KnownProxies { get; set; } = [];
}

internal static class KnownProxies
{
    private const int MinPrefix = 8;
    private const string Key = $"{KnownProxiesOptions.Section}:{nameof(KnownProxiesOptions.KnownProxies)}";

    public static void AddKnownProxies(this IServiceCollection services)
    {
        services.AddKnownKeys<KnownProxiesOptions>(KnownProxiesOptions.Section);
        services.AddOptions<KnownProxiesOptions>().Configure<IConfiguration>((options, configuration) =>
        {
            // The framework's own switch believes everybody.
            if (configuration.GetValue<bool>("ForwardedHeaders_Enabled"))
            {
                throw new ConfigurationException("ForwardedHeaders_Enabled", $"(ASPNETCORE_FORWARDEDHEADERS_ENABLED) would believe any client; name the proxies in {Key} instead.");
            }

            options.KnownProxies = configuration.GetList(Key);
        });
        services.AddOptions<ForwardedHeadersOptions>().Configure<IOptions<KnownProxiesOptions>>((options, known) =>
        {
            options.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;

            // As far back as each hop is one that is named, and no further.
            options.ForwardLimit = null;

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
                    throw new ConfigurationException(Key, $"has '{text}', which would believe half the world: at least a /{MinPrefix}.");
                }
                else
                {
                    options.KnownIPNetworks.Add(network);
                }
            }
        }).ValidateOnStart();
    }

    /// <summary>Takes the client's address and scheme from the proxies that are named in the configuration, and from nobody else.</summary>
    // With none named, the middleware would believe everybody.
    public static IApplicationBuilder UseKnownProxies(this WebApplication app) =>
        app.Services.GetRequiredService<IOptions<KnownProxiesOptions>>().Value.KnownProxies.Count > 0 ? app.UseForwardedHeaders() : app;
}
