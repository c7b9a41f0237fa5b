using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions;

/// <summary>Chooses the store of server-side sessions, their options, and what of their API is served.</summary>
/// <typeparam name="TContext">The application's context, which has the tables.</typeparam>
public sealed class ServerSideSessionsBuilder<TContext>
    where TContext : DbContext
{
    internal ServerSideSessionsBuilder(IServiceCollection services) => Services = services;

    /// <summary>The application's services, for a store to register itself.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Reads something of the application's context, of one that is created for it.</summary>
    /// <param name="provider">The application's services.</param>
    /// <param name="read">Reads it.</param>
    /// <exception cref="SessionSetupException">The context is not registered.</exception>
    public TResult ReadContext<TResult>(IServiceProvider provider, Func<TContext, TResult> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        using var scope = provider.CreateScope();
        using var made = scope.ServiceProvider.GetService<IDbContextFactory<TContext>>()?.CreateDbContext();
        return read(made ?? scope.ServiceProvider.GetService<TContext>()
            ?? throw new SessionSetupException(
                $"AddServerSideSessions<{typeof(TContext).Name}>: {typeof(TContext).Name} is not registered; write builder.Services.AddDbContext<{typeof(TContext).Name}>(options => ...)."));
    }

    /// <summary>Sets options, after the configuration section <c>Sessions</c>.</summary>
    /// <param name="configure">Sets them.</param>
    public ServerSideSessionsBuilder<TContext> Configure(Action<UserSessionOptions> configure)
    {
        Services.Configure(configure);
        return this;
    }

    /// <summary>Serves <c>/sessions/</c>, <c>/session/</c> and <c>/me/activity/</c>; the application calls <c>MapControllers</c>.</summary>
    public ServerSideSessionsBuilder<TContext> AddControllers()
    {
        Services.AddControllers().ConfigureApplicationPartManager(parts => parts.FeatureProviders.Add(new SessionControllers()));
        return this;
    }

    /// <summary>Adds the health check <c>sessions</c>: whether the store can be read and written.</summary>
    public ServerSideSessionsBuilder<TContext> AddHealthCheck()
    {
        Services.AddSingleton<StoreHealthCheck>();
        Services.AddHealthChecks().AddCheck<StoreHealthCheck>("sessions");
        return this;
    }
}
