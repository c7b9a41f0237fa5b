using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Stores server-side sessions in the application's SQLite database.</summary>
public static class SqliteSessions
{
    /// <summary>
    /// Stores sessions in the SQLite file of the application's context, which must use SQLite. Group commit, one writer, and a logout that is on the
    /// disk before it is answered. One process serves the file.
    /// </summary>
    /// <param name="sessions">The sessions.</param>
    public static ServerSideSessionsBuilder<TContext> UseSqlite<TContext>(this ServerSideSessionsBuilder<TContext> sessions)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(sessions);
        var services = sessions.Services;
        services.AddSingleton(provider => new SqliteDatabase(
            () => sessions.ReadContext(provider, static context => (typeof(TContext).Name, Connection(context)))));
        services.AddSingleton<OpenStoreFiles>();
        services.AddSingleton<WriteSlot>();
        services.AddSingleton<StorageMetrics>();
        services.AddSingleton<GroupCommit>();
        services.AddSingleton<ReadConnectionPool>();
        services.AddSingleton<SqliteConnectionPreparation>();
        services.AddSingleton<WriteSlotInterceptor>();
        services.AddSingleton<SaveInTransaction>();
        services.AddSingleton<IUserSessionStore, SqliteUserSessionStore>();
        services.ConfigureDbContext<TContext>((provider, options) => options.AddInterceptors(
            provider.GetRequiredService<SqliteConnectionPreparation>(),
            provider.GetRequiredService<WriteSlotInterceptor>(),
            provider.GetRequiredService<SaveInTransaction>()));

        services.AddHostedService<SqliteStart>();
        services.AddHostedService(provider => provider.GetRequiredService<GroupCommit>());
        services.AddHostedService<WalCheckpointer>();
        services.AddHostedService<OpenStoreFilesWatch>();
        return sessions;
    }

    private static string? Connection(DbContext context) => context.Database.IsSqlite()
        ? context.Database.GetConnectionString()
        : throw new SessionSetupException($"{context.GetType().Name} does not use SQLite ({context.Database.ProviderName}): sessions => sessions.UseSqlite() is for a context with UseSqlite.");
}
