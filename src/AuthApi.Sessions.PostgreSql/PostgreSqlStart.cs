using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>Says at the start which promises the server keeps, or in one line why sessions cannot be served from it.</summary>
internal sealed partial class PostgreSqlStart(PostgreSqlDatabase database, SessionSchema schema, ILogger<PostgreSqlStart> logger) : IHostedLifecycleService
{
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

    private async Task CheckServerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var server = await ServerState.ReadAsync(connection, cancellationToken);
        if (server.Refusal is { } refusal)
        {
            throw new SessionSetupException($"PostgreSQL at {database.Name} {refusal}");
        }

        if (!server.Syncs)
        {
            Log.NotDurable(logger, database.Name);
        }

        if (!database.ApplicationHasLimits)
        {
            Log.ApplicationWaits(logger, database.Name);
        }

        Log.Serving(logger, database.Name, server.Version, server.Promise);
    }

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

        [LoggerMessage(122, LogLevel.Warning, "PostgreSQL at {Name} has fsync off: what was answered is lost where its machine fails.")]
        public static partial void NotDurable(ILogger logger, string name);

        [LoggerMessage(123, LogLevel.Warning, "Requests that use the application's own connections to PostgreSQL at {Name} may wait longer than three seconds for a server that hangs. Write Timeout=1;Command Timeout=1;Cancellation Timeout=-1 into the connection string.")]
        public static partial void ApplicationWaits(ILogger logger, string name);
    }
}
