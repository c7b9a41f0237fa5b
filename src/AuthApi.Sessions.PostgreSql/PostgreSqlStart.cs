using System.Globalization;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>Says at the start which promises the server keeps, or in one line why sessions cannot be served from it.</summary>
internal sealed partial class PostgreSqlStart(PostgreSqlDatabase database, SessionSchema schema, ILogger<PostgreSqlStart> logger) : IHostedLifecycleService
{
    private const int MinVersion = 150_000;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.DataSource.OpenConnectionAsync(cancellationToken);
            await CheckServerAsync(connection, cancellationToken);
            await CheckTablesAsync(connection, cancellationToken);
            await CheckRightsAsync(connection, cancellationToken);
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException)
        {
            throw new SessionSetupException($"PostgreSQL at {database.Name} cannot be used: {exception.Message.ReplaceLineEndings(" ")}", exception);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <exception cref="SessionSetupException">The server is too old.</exception>
    internal static void CheckVersion(int version, string name, string database)
    {
        if (version < MinVersion)
        {
            throw new SessionSetupException($"PostgreSQL at {database} is version {name}; 15 or later is needed.");
        }
    }

    private async Task CheckServerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery(), current_setting('default_transaction_read_only'),
                current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), current_setting('fsync')
            """,
            connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        var (version, name) = (row.GetInt32(0), row.GetString(1));
        CheckVersion(version, name, database.Name);
        if (row.GetBoolean(2) || row.GetString(3) == "on")
        {
            throw new SessionSetupException($"PostgreSQL at {database.Name} is a standby, or takes no writes; name the primary, or all hosts with commas between them.");
        }

        var (commit, standbys) = (row.GetString(4), row.GetString(5));
        if (commit == "off")
        {
            throw new SessionSetupException($"PostgreSQL at {database.Name} has synchronous_commit off: a logout would be answered before it is durable. Set it to on for this user or database.");
        }

        if (row.GetString(6) == "off")
        {
            Log.NotDurable(logger, database.Name);
        }

        if (!database.ApplicationHasLimits)
        {
            Log.ApplicationWaits(logger, database.Name);
        }

        Log.Serving(logger, database.Name, name, Promise(commit, standbys));
    }

    private static string Promise(string commit, string standbys) => standbys.Length > 0 && commit != "local"
        ? string.Create(CultureInfo.InvariantCulture, $"a logout is on the disk of the primary and of the synchronous standby ({standbys}) before it is answered, and survives a failover to that")
        : "a logout is on the disk of this server before it is answered; there is no synchronous standby, so a failover to another server can undo the latest";

    // To plan a statement is to look its tables and columns up.
    private async Task CheckTablesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var sql in new[]
        {
            $"""SELECT "Key", "Id", "UserId", "TokenHash", "LastUserAgent", "PrincipalVersion" FROM {schema.Sessions} LIMIT 0""",
            $"""SELECT "Id", "UserId", "SessionId", "BySessionId" FROM {schema.AuditEntries} LIMIT 0""",
        })
        {
            try
            {
                await using var command = new NpgsqlCommand(sql, connection);
                await command.ExecuteNonQueryAsync(cancellationToken);
            }
            catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn)
            {
                throw new SessionSetupException(
                    $"PostgreSQL at {database.Name} lacks a table of sessions ({exception.MessageText}): run dotnet ef migrations add AddServerSideSessions, then dotnet ef database update.",
                    exception);
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
            {
                throw new SessionSetupException($"The user of the connection string may not use a table of sessions in {database.Name}: {exception.MessageText}.", exception);
            }
        }
    }

    // The rows of users are locked, as an update would.
    private async Task CheckRightsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (var (table, rights) in new[]
        {
            (schema.Sessions, new[] { "INSERT", "UPDATE", "DELETE" }), (schema.AuditEntries, ["INSERT", "DELETE"]), (schema.Users, ["SELECT", "UPDATE"]),
        })
        {
            await using var command = new NpgsqlCommand("SELECT bool_and(has_table_privilege($1, r)) FROM unnest($2) AS r", connection)
            {
                Parameters = { new() { Value = table }, new() { Value = rights } },
            };
            if (await command.ExecuteScalarAsync(cancellationToken) is not true)
            {
                throw new SessionSetupException(
                    $"The user of the connection string may not {string.Join(", ", rights[..^1])} or {rights[^1]} in the table {table} of {database.Name}: GRANT these rights to it.");
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(121, LogLevel.Information, "The store is PostgreSQL {Version} at {Name}: {Promise}.")]
        public static partial void Serving(ILogger logger, string name, string version, string promise);

        [LoggerMessage(122, LogLevel.Warning, "PostgreSQL at {Name} has fsync off: nothing is durable there.")]
        public static partial void NotDurable(ILogger logger, string name);

        [LoggerMessage(123, LogLevel.Warning, "Requests that use the application's own connections to PostgreSQL at {Name} may wait longer than three seconds for a server that hangs. Write Timeout=1;Command Timeout=1;Cancellation Timeout=-1 into the connection string.")]
        public static partial void ApplicationWaits(ILogger logger, string name);
    }
}
