using AuthApi.Hosting;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AuthApi.Sessions;

/// <summary>Registers server-side sessions as the application's authentication.</summary>
public static class SessionsServices
{
    public static IServiceCollection AddSessions(this IServiceCollection services)
    {
        services.AddValidatedOptions<UserSessionOptions>(UserSessionOptions.Section);

        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SessionCache>();
        services.AddSingleton<SessionMetrics>();
        services.AddSingleton<LastSeenTracker>();
        services.AddSingleton<IUserSessionStore, UserSessionStore>();
        services.AddSingleton<UserSessionManager>();
        services.AddScoped<LoadedUser>();
        services.AddSingleton<IInterceptor, UserChangeInterceptor>();
        services.AddHostedService<LastSeenWriter>();
        services.AddHostedService<ExpiredSessionCleanup>();

        services.AddAuthentication(IdentityConstants.ApplicationScheme)
            .AddScheme<SessionAuthenticationOptions, SessionAuthenticationHandler>(IdentityConstants.ApplicationScheme, displayName: null, configureOptions: null);
        services.AddOptions<SessionAuthenticationOptions>(IdentityConstants.ApplicationScheme)
            .Configure<IHostEnvironment>((options, environment) => options.AllowPlainHttp = environment.IsDevelopment());
        services.AddAuthorization();

        DoWithoutDataProtection(services);
        return services;
    }

    // AddAuthentication brings Data Protection, which makes a key ring at start and keeps it on disk. Sessions rest on
    // nothing that is encrypted for later, so there are no keys here to keep, share or lose.
    private static void DoWithoutDataProtection(IServiceCollection services)
    {
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        services.Remove(services.Single(service =>
            service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Name == "DataProtectionHostedService"));
    }
}
