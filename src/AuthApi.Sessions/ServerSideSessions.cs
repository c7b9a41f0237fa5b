using AuthApi.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers server-side sessions as the authentication of an application with ASP.NET Core Identity.</summary>
public static class ServerSideSessions
{
    /// <summary>
    /// Replaces the handler of Identity's application cookie, so that <c>SignInManager</c> signs in and out through server-side sessions. It may stand
    /// before or after <c>AddIdentity</c>, <c>AddDefaultIdentity</c>, <c>AddIdentityCore</c> or <c>AddIdentityApiEndpoints</c>.
    /// </summary>
    /// <typeparam name="TContext">The application's context, whose <c>OnModelCreating</c> calls <c>AddServerSideSessions</c>.</typeparam>
    /// <param name="services">The services.</param>
    /// <param name="configure">Chooses the store, as <c>sessions.UseSqlite()</c>, and sets options.</param>
    /// <exception cref="SessionSetupException">No store was chosen.</exception>
    public static IServiceCollection AddServerSideSessions<TContext>(this IServiceCollection services, Action<ServerSideSessionsBuilder<TContext>> configure)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        if (services.Any(service => service.ServiceType == typeof(UserSessionManager)))
        {
            throw new SessionSetupException("AddServerSideSessions was called twice; an application has one kind of sessions.");
        }

        services.TryAddSingleton(TimeProvider.System);
        services.AddHttpContextAccessor();
        AddOptions(services);
        var sessions = new ServerSideSessionsBuilder<TContext>(services);

        // The check starts before the store. Then the store: what is registered last stops first, and writes last uses while the store still takes them.
        services.AddHostedService<SessionSetupCheck>();
        configure(sessions);
        if (services.All(service => service.ServiceType != typeof(IUserSessionStore)))
        {
            throw new SessionSetupException($"AddServerSideSessions<{typeof(TContext).Name}> has no store: add the package AuthApi.Sessions.Sqlite and write sessions => sessions.UseSqlite().");
        }

        AddSessions(services);
        AddScheme(services);
        services.AddSingleton(provider => sessions.ReadContext(provider, context =>
        {
            EnsureHeard(context, typeof(TContext));
            return SessionSchema.Of(context);
        }));
        services.AddSingleton<UserChangeInterceptor>();
        services.ConfigureDbContext<TContext>((provider, options) => options.AddInterceptors(provider.GetRequiredService<UserChangeInterceptor>()));
        services.AddRecentAuthentication();
        return services;
    }

    // The options of AddDbContext<TContext> have the interceptor. A context that was made in another way would change users without a session ending.
    private static void EnsureHeard(DbContext context, Type registered)
    {
        var interceptors = context.GetService<IDbContextOptions>().FindExtension<CoreOptionsExtension>()?.Interceptors;
        if (interceptors?.OfType<UserChangeInterceptor>().Any() != true)
        {
            throw new SessionSetupException(context.GetType() == registered
                ? $"{registered.Name} is made without the options of AddDbContext<{registered.Name}>, so a new password would end no session: register it by AddDbContext or AddDbContextFactory."
                : $"{registered.Name} is made as a {context.GetType().Name}, whose options do not have the sessions' interceptor, so a new password would end no session: write AddServerSideSessions<{context.GetType().Name}>.");
        }
    }

    private static void AddOptions(IServiceCollection services)
    {
        services.AddSingleton<IConfigureOptions<UserSessionOptions>, IdentityCookieSettings>();
        services.AddSingleton<IValidateOptions<UserSessionOptions>, UserSessionOptionsValidator>();
        services.AddOptions<UserSessionOptions>()
            .BindConfiguration(UserSessionOptions.Section)
            .PostConfigure<IHostEnvironment>((options, environment) => options.Realm = options.Realm is "" ? environment.ApplicationName : options.Realm)
            .ValidateOnStart();
        services.AddOptions<AuditOptions>()
            .BindConfiguration(AuditOptions.Section)
            .Validate(options => options.IsValid, $"{AuditOptions.Section}:{nameof(AuditOptions.Retention)} must be between one and 36500 days.")
            .ValidateOnStart();
    }

    private static void AddSessions(IServiceCollection services)
    {
        services.AddSingleton<SessionCache>();
        services.AddSingleton<SessionMetrics>();
        services.AddSingleton<LastSeenTracker>();
        services.AddSingleton<CleanupClock>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<SessionManagerFactory>(provider).Create());
        services.TryAddSingleton(provider => (ISessionPrincipalFactory)ActivatorUtilities.CreateInstance(
            provider, typeof(IdentityPrincipalFactory<>).MakeGenericType(provider.GetRequiredService<SessionSchema>().UserType)));
        services.AddSingleton<StoreUnavailableExceptionHandler>();
        services.AddSingleton<IExceptionHandler>(provider => provider.GetRequiredService<StoreUnavailableExceptionHandler>());
        services.AddHostedService<LastSeenWriter>();
        services.AddHostedService<ExpiredSessionCleanup>();
        services.AddSingleton<AuditRetention>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditRetention>());
    }

    private static void AddScheme(IServiceCollection services)
    {
        // AddAuthentication would register Data Protection beside it, which makes keys and keeps them on disk; nothing here is encrypted for later.
        services.AddAuthenticationCore();
        services.AddWebEncoders();
        services.AddAuthorization();
        services.AddSingleton<IdentityCookieCarryOver>();
        services.AddTransient<SessionAuthenticationHandler>();
        services.AddOptions<SessionAuthenticationOptions>(IdentityConstants.ApplicationScheme)
            .Configure<IHostEnvironment>((options, environment) => options.AllowPlainHttp = environment.IsDevelopment());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IPostConfigureOptions<SessionAuthenticationOptions>, SchemeClock>());

        // After all that configures schemes, so that the order of the registrations does not matter.
        services.PostConfigure<AuthenticationOptions>(options =>
        {
            if (options.SchemeMap.TryGetValue(IdentityConstants.ApplicationScheme, out var scheme))
            {
                scheme.HandlerType = typeof(SessionAuthenticationHandler);
            }
            else
            {
                options.AddScheme<SessionAuthenticationHandler>(IdentityConstants.ApplicationScheme, displayName: null);
            }

            options.DefaultScheme ??= IdentityConstants.ApplicationScheme;
        });
    }

    // What AddScheme of AuthenticationBuilder does for the options of a scheme.
    private sealed class SchemeClock(TimeProvider time) : IPostConfigureOptions<SessionAuthenticationOptions>
    {
        public void PostConfigure(string? name, SessionAuthenticationOptions options) => options.TimeProvider ??= time;
    }

    private sealed class SessionManagerFactory(
        IUserSessionStore store,
        SessionCache cache,
        SessionMetrics metrics,
        LastSeenTracker lastSeen,
        ISessionPrincipalFactory principals,
        IOptions<UserSessionOptions> options,
        TimeProvider time,
        CleanupClock cleanupClock,
        ILogger<UserSessionManager> logger)
    {
        public UserSessionManager Create() => new(store, cache, metrics, lastSeen, principals, options, time, cleanupClock, logger);
    }
}
