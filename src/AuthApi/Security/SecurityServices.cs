using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AuthApi.Security;

/// <summary>
/// Registers the rules that a request passes before any action: known proxies, allowed hosts and origins, HTTPS only, rate limits, recent
/// authentication, and the log of what the server itself rejects.
/// </summary>
public static class SecurityServices
{
    public static IServiceCollection AddSecurity(this IServiceCollection services)
    {
        // The framework's own would run before what Program.cs lists, and not be seen there: AllowedHosts, which answers with a page, and forwarded headers from any address.
        services.RemoveAll<IStartupFilter>();

        services.AddSecurityHeaders();
        services.AddKnownProxies();
        services.AddAllowedOrigins();
        services.AddHostedService<ServerRejectionLog>();
        services.AddRateLimits();
        services.AddRecentAuthentication();
        return services;
    }
}
