using AuthApi.Api;
using AuthApi.Startup;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

internal static class HttpsOnly
{
    /// <summary>
    /// Refuses plain HTTP with 400 <c>https_required</c>, except in Development. It does not redirect: the client has already
    /// sent its token in clear, and must notice (ASVS 4.1.2).
    /// </summary>
    /// <exception cref="ConfigurationException">Nobody could reach it over HTTPS: every answer would be that refusal.</exception>
    public static IApplicationBuilder UseHttpsOnly(this WebApplication app)
    {
        if (app.Environment.IsDevelopment())
        {
            return app;
        }

        if (!ListensOnHttps(app.Configuration) && app.Services.GetRequiredService<IOptions<KnownProxiesOptions>>().Value.KnownProxies.Count == 0)
        {
            throw new ConfigurationException(
                "Urls",
                $"has no https:// address, and {KnownProxiesOptions.Section}:{nameof(KnownProxiesOptions.KnownProxies)} names no proxy that does the TLS. Plain HTTP is served in Development only (ASPNETCORE_ENVIRONMENT).");
        }

        return app.Use(static (context, next) => context.Request.IsHttps ? next(context) : ApiProblem.HttpsRequired.WriteAsync(context));
    }

    // Where the server will look: its own endpoints, or else the addresses, or else the ports.
    private static bool ListensOnHttps(IConfiguration configuration)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"] ?? "").ToList();
        if (endpoints.Count > 0)
        {
            return endpoints.Any(IsHttps);
        }

        return configuration[WebHostDefaults.ServerUrlsKey] is { Length: > 0 } addresses
            ? addresses.Split(';', StringSplitOptions.TrimEntries).Any(IsHttps)
            : configuration[WebHostDefaults.HttpsPortsKey] is { Length: > 0 };
    }

    private static bool IsHttps(string address) => address.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
}
