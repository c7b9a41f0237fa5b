using AuthApi.Startup;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthApi.Storage;

/// <summary>How the schema of the configured database compares with this version, read without a change of anything.</summary>
/// <param name="Provider">The kind of the database.</param>
/// <param name="Database">Its name, without secrets.</param>
/// <param name="Applied">How many migrations it has.</param>
/// <param name="Pending">Those of this version that it lacks, in their order.</param>
/// <param name="Newer">Those that this version does not know.</param>
internal sealed record SchemaState(string Provider, string Database, int Applied, IReadOnlyList<PendingMigration> Pending, IReadOnlyList<string> Newer)
{
    /// <summary>Whether nodes of this version may be started one after the other beside running ones of the version before.</summary>
    public bool MayRoll => Newer.Count == 0 && Pending.All(migration => migration.KeepsServing);

    /// <summary>What to do, in one sentence.</summary>
    public string Advice =>
        Newer.Count > 0 ? $"The database has migrations of a newer version ({string.Join(", ", Newer)}): run that version, or restore a backup made before it."
        : Pending.Count == 0 ? "Nothing is pending."
        : Applied == 0 ? "The database is empty: the first start makes its tables, or AuthApi migrate."
        : MayRoll ? "You may roll: the pending migrations only add, and running nodes of the version before go on serving."
        : Provider == DatabaseOptions.Sqlite ? "Stop the server, back up, and start this version: one process serves an SQLite file."
        : "Stop all nodes, back up, and start this version: a pending migration changes what running nodes use.";

    /// <summary>Reads the state.</summary>
    /// <exception cref="ConfigurationException">The database cannot be read.</exception>
    public static async Task<SchemaState> ReadAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        if (services.GetRequiredService<IOptions<DatabaseOptions>>().Value.Provider == DatabaseOptions.PostgreSql)
        {
            var storage = services.GetRequiredService<PostgreSqlStorage>();
            await using var context = await services.GetRequiredService<IDbContextFactory<PostgreSqlAuthDbContext>>().CreateDbContextAsync(cancellationToken);
            try
            {
                return await ReadAsync(context, DatabaseOptions.PostgreSql, storage.Name, cancellationToken);
            }
            catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException { InnerException: NpgsqlException } or TimeoutException)
            {
                throw new ConfigurationException(PostgreSqlStorage.Key, $"cannot be used: {(exception.InnerException ?? exception).Message} ({storage.Name})");
            }
        }

        var connection = new SqliteConnectionStringBuilder(SqliteFile.ConnectionString(services.GetRequiredService<IConfiguration>())) { Mode = SqliteOpenMode.ReadOnly, Pooling = false };
        await using var file = SqliteFile.NewContext(File.Exists(connection.DataSource) ? connection.ConnectionString : "Data Source=:memory:", services);
        try
        {
            return await ReadAsync(file, DatabaseOptions.Sqlite, connection.DataSource, cancellationToken);
        }
        catch (SqliteException exception)
        {
            throw new ConfigurationException(SqliteFile.Key, $"cannot be used: {exception.Message} ({connection.DataSource})");
        }
    }

    private static async Task<SchemaState> ReadAsync(AuthDbContext context, string provider, string database, CancellationToken cancellationToken)
    {
        await context.Database.OpenConnectionAsync(cancellationToken);
        var applied = (await context.Database.GetAppliedMigrationsAsync(cancellationToken)).ToList();
        var assembly = context.GetService<IMigrationsAssembly>();
        var pending = assembly.Migrations
            .Where(migration => !applied.Contains(migration.Key))
            .Select(migration => new PendingMigration(
                migration.Key,
                provider == DatabaseOptions.PostgreSql && assembly.CreateMigration(migration.Value, context.Database.ProviderName!).UpOperations.All(OnlyAdds)))
            .ToList();
        return new SchemaState(provider, database, applied.Count, applied.Count == 0 ? [.. pending.Select(migration => migration with { KeepsServing = true })] : pending, [.. applied.Except(assembly.Migrations.Keys)]);
    }

    // What a program that does not know of it neither reads nor violates.
    private static bool OnlyAdds(MigrationOperation operation) => operation switch
    {
        CreateTableOperation or CreateSequenceOperation => true,
        CreateIndexOperation index => !index.IsUnique,
        AddColumnOperation column => column.IsNullable || column.DefaultValue is not null || column.DefaultValueSql is not null,
        _ => false,
    };
}

/// <summary>A migration that the database lacks.</summary>
/// <param name="Id">Its id.</param>
/// <param name="KeepsServing">Whether nodes of the version before go on serving beside it.</param>
internal sealed record PendingMigration(string Id, bool KeepsServing);
