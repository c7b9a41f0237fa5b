using AuthApi.Sessions;
using AuthApi.Sessions.PostgreSql;
using Microsoft.EntityFrameworkCore;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Stores server-side sessions in the application's PostgreSQL database, for any number of nodes.</summary>
public static class PostgreSqlSessions
{
    /// <summary>
    /// Stores sessions in the PostgreSQL database of the application's context. No request is answered from memory alone: each is confirmed by a read
    /// that began after it arrived, which all requests that wait on a node share. So a logout on one node is final on all.
    /// </summary>
    /// <param name="sessions">The sessions.</param>
    /// <param name="configure">Sets how the store connects.</param>
    public static ServerSideSessionsBuilder<TContext> UsePostgreSql<TContext>(
        this ServerSideSessionsBuilder<TContext> sessions, Action<PostgreSqlOptions>? configure = null)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(sessions);
        var services = sessions.Services;
        services.AddOptions<PostgreSqlOptions>().Configure(configure ?? (_ => { }));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<PostgreSqlDatabase>(
            provider, sessions.ReadContext(provider, static context => new ApplicationConnection(context.GetType().Name, Connection(context)))));
        services.AddSingleton(provider => new PostgreSqlConnections(provider.GetRequiredService<PostgreSqlDatabase>(), provider.GetRequiredService<SharedRead>()));
        services.AddSingleton<SharedRead>();
        services.AddSingleton<SharedFind>();
        services.AddSingleton<SharedEnd>();
        services.AddSingleton<IUserSessionStore, PostgreSqlUserSessionStore>();
        services.AddHostedService<PostgreSqlStart>();
        services.AddHostedService(provider => provider.GetRequiredService<SharedEnd>());
        services.AddHostedService(provider => provider.GetRequiredService<SharedFind>());
        services.AddHostedService(provider => provider.GetRequiredService<SharedRead>());
        return sessions;
    }

    private static string? Connection(DbContext context) => context.Database.IsNpgsql()
        ? context.Database.GetConnectionString()
        : throw new SessionSetupException($"{context.GetType().Name} does not use PostgreSQL ({context.Database.ProviderName}): sessions => sessions.UsePostgreSql() is for a context with UseNpgsql.");
}
