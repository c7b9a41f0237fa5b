using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AuthApi.Security;

/// <summary>
/// Registers the door: which proxies, hosts and origins are believed, that plain HTTP is not served, how often one may knock, what every
/// answer says to a browser, and what takes a recent authentication.
/// </summary>
public static class SecurityServices
{
    public static IServiceCollection AddSecurity(this IServiceCollection services)
    {
        // The framework's own would run before, and unseen by, what Program.cs lists: AllowedHosts with a page for an answer, forwarded headers from anybody.
        services.RemoveAll<IStartupFilter>();

        services.AddKnownProxies();
        services.AddAllowedOrigins();
        services.AddRateLimits();
        services.AddRecentAuthentication();
        return services;
    }
}
