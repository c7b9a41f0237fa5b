using System.Diagnostics;
using Microsoft.AspNetCore.HostFiltering;

namespace AuthApi.Security;

/// <summary>
/// Registers the rules that a request passes before any action: known proxies, allowed hosts and origins, HTTPS only, rate limits, and the
/// log of what the server itself rejects.
/// </summary>
public static class SecurityServices
{
    public static IServiceCollection AddSecurity(this IServiceCollection services)
    {
        // UseAllowedHosts checks them, and answers with a problem; the framework's middleware for the same key answers with a page.
        services.Configure<HostFilteringOptions>(options => options.AllowedHosts = ["*"]);

        services.AddSecurityHeaders();
        services.AddKnownProxies();
        services.AddAllowedOrigins();
        services.AddSingleton<ServerRejectionLog>();
        services.AddSingleton<DiagnosticSource>(provider => provider.GetRequiredService<ServerRejectionLog>());
        services.AddHostedService(provider => provider.GetRequiredService<ServerRejectionLog>());
        services.AddRateLimits();
        return services;
    }
}
