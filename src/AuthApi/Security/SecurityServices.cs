using System.Net;
using AuthApi.Hosting;
using AuthApi.Http;
using Microsoft.AspNetCore.HttpOverrides;

namespace AuthApi.Security;

/// <summary>Registers the door: which proxies are believed, that plain HTTP is not served, and what takes a recent authentication.</summary>
public static class SecurityServices
{
    private const string KnownProxies = "ForwardedHeaders:KnownProxies";

    public static IServiceCollection AddSecurity(this IServiceCollection services)
    {
        services.AddOptions<ForwardedHeadersOptions>().Configure<IConfiguration>((options, configuration) =>
        {
            // The framework's own switch believes everybody.
            if (configuration.GetValue<bool>("ForwardedHeaders_Enabled"))
            {
                throw new ConfigurationException("ForwardedHeaders_Enabled", $"(ASPNETCORE_FORWARDEDHEADERS_ENABLED) would believe any client; name the proxies in {KnownProxies} instead.");
            }

            options.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;

            // Only the proxies that are named; the framework's default believes any process on this machine.
            options.KnownProxies.Clear();
            options.KnownIPNetworks.Clear();
            foreach (var text in Configured(configuration))
            {
                if (IPAddress.TryParse(text, out var address))
                {
                    options.KnownProxies.Add(address);
                }
                else if (System.Net.IPNetwork.TryParse(text, out var network))
                {
                    options.KnownIPNetworks.Add(network);
                }
                else
                {
                    throw new ConfigurationException(KnownProxies, $"has '{text}', which is neither an address nor a network (10.0.0.0/8).");
                }
            }
        });
        services.AddOptions<ForwardedHeadersOptions>().ValidateOnStart();
        services.AddRecentAuthentication();
        return services;
    }

    /// <summary>Takes the client's address and scheme from the proxies that are named in the configuration, and from nobody else.</summary>
    // With none named, the middleware would believe everybody.
    public static IApplicationBuilder UseKnownProxies(this WebApplication app) =>
        Configured(app.Configuration).Length > 0 ? app.UseForwardedHeaders() : app;

    /// <summary>
    /// Refuses plain HTTP with 400 <c>https_required</c>, except in Development. It does not redirect: the client has already
    /// sent its token in clear, and must notice (ASVS 4.1.2).
    /// </summary>
    public static IApplicationBuilder UseHttpsOnly(this WebApplication app) => app.Environment.IsDevelopment()
        ? app
        : app.Use(static (context, next) => context.Request.IsHttps ? next(context) : ApiProblem.HttpsRequired.WriteAsync(context));

    // A list in a file, or one value with commas, as an environment variable has it.
    private static string[] Configured(IConfiguration configuration)
    {
        var section = configuration.GetSection(KnownProxies);
        return section.Get<string[]>() ?? section.Value?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
    }
}
