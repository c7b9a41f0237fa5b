using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AuthApi.Sessions;

/// <summary>Registers server-side sessions as the application's authentication.</summary>
public static partial class SessionsServices
{
    public static IServiceCollection AddSessions(this IServiceCollection services)
    {
        services.AddValidatedOptions<UserSessionOptions>(UserSessionOptions.Section);

        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SessionCache>();
        services.AddSingleton<SessionMetrics>();
        services.AddSingleton<LastSeenTracker>();
        services.AddSingleton<IUserSessionStore, UserSessionStore>();
        services.AddSingleton(new ReadinessProbe(StoredSessionQuery.ProbeAsync));
        services.AddSingleton<UserSessionManager>();
        services.AddSingleton<ISessionPrincipalFactory, IdentityPrincipalFactory>();
        services.AddSingleton<IInterceptor, UserChangeInterceptor>();
        services.AddHostedService<LastSeenWriter>();
        services.AddHostedService<ExpiredSessionCleanup>();

        // AddAuthentication would register Data Protection beside it, which makes keys and keeps them on disk; nothing here is encrypted for later.
        services.AddAuthenticationCore(options => options.DefaultScheme = IdentityConstants.ApplicationScheme);
        services.AddWebEncoders();
        new AuthenticationBuilder(services)
            .AddScheme<SessionAuthenticationOptions, SessionAuthenticationHandler>(IdentityConstants.ApplicationScheme, displayName: null, configureOptions: null);
        services.AddOptions<SessionAuthenticationOptions>(IdentityConstants.ApplicationScheme)
            .Configure<IHostEnvironment>((options, environment) => options.AllowPlainHttp = environment.IsDevelopment());
        services.AddAuthorization();
        services.AddGeneratedJson(SessionsJson.Default);
        return services;
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(SessionsResponse))]
    private sealed partial class SessionsJson : JsonSerializerContext;
}
