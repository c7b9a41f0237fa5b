using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Startup;
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
        services.AddSingleton(UserSessionStore.Journal);
        services.AddSingleton<UserSessionManager>();
        services.AddSingleton<SessionAuthenticator>();
        services.AddScoped<LoadedUser>();
        services.AddSingleton<IInterceptor, UserChangeInterceptor>();
        services.AddHostedService<LastSeenWriter>();
        services.AddHostedService<ExpiredSessionCleanup>();

        services.AddAuthentication(IdentityConstants.ApplicationScheme)
            .AddScheme<SessionAuthenticationOptions, SessionAuthenticationHandler>(IdentityConstants.ApplicationScheme, displayName: null, configureOptions: null);
        services.AddOptions<SessionAuthenticationOptions>(IdentityConstants.ApplicationScheme)
            .Configure<IHostEnvironment>((options, environment) => options.AllowPlainHttp = environment.IsDevelopment());
        services.AddAuthorization();
        services.AddRoomControllers(typeof(SessionsController));
        services.AddGeneratedJson(SessionsJson.Default);
        return services;
    }

    /// <summary>Finds the session of each request. In place of <c>UseAuthentication</c>, for an application with no other way to authenticate.</summary>
    public static IApplicationBuilder UseSessions(this WebApplication app)
    {
        // What UseAuthentication notes, or the host would put that before all else.
        ((IApplicationBuilder)app).Properties["__AuthenticationMiddlewareSet"] = true;

        // Made with the first request, as its options are not validated yet.
        var authenticator = new Lazy<SessionAuthenticator>(app.Services.GetRequiredService<SessionAuthenticator>);
        return app.Use((context, next) => authenticator.Value.InvokeAsync(context, next));
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(SessionsResponse))]
    private sealed partial class SessionsJson : JsonSerializerContext;
}
