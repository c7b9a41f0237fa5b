using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthApi.Sessions.Sqlite;

/// <summary>Takes the file for this process and opens it, before anything else starts; or says in one line why it cannot be served.</summary>
internal sealed partial class SqliteStart(
    SqliteDatabase database, SessionSchema schema, OpenStoreFiles files, ILogger<SqliteStart> logger) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (!File.Exists(database.Path))
            {
                throw new SessionSetupException($"The database {database.Path} is not there: create it by your migrations (dotnet ef database update), or by Database.Migrate() before the application runs.");
            }

            Serve();
            await using (var connection = new SqliteConnection(database.ConnectionString))
            {
                await connection.OpenAsync(cancellationToken);
                SqliteConnectionPreparation.SetPragmas(connection);
                await SqliteDatabase.UseWriteAheadLogAsync(connection, cancellationToken);
                await CheckTablesAsync(connection, cancellationToken);
            }

            await files.OpenAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new SessionSetupException($"The database {database.Path} cannot be used: {exception.Message}", exception);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        Log.Serving(logger, database.Path);
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Serve()
    {
        try
        {
            database.Serve();
        }
        catch (SessionSetupException exception)
        {
            throw new SessionSetupException($"Sessions cannot be served: {exception.Message}");
        }
    }

    // To prepare a statement is to look its tables and columns up.
    private async Task CheckTablesAsync(SqliteConnection connection, CancellationToken cancellationToken)
    {
        foreach (var sql in new[]
        {
            $"""SELECT "Key", "Id", "UserId", "TokenHash", "LastUserAgent", "PrincipalVersion" FROM {schema.Sessions} LIMIT 0""",
            $"""SELECT "Id", "UserId", "SessionId", "BySessionId" FROM {schema.AuditEntries} LIMIT 0""",
        })
        {
            try
            {
                await using var command = connection.CreateCommand();
                command.CommandText = sql;
                await command.ExecuteNonQueryAsync(cancellationToken);
            }
            catch (SqliteException exception) when (exception.SqliteErrorCode == 1)
            {
                throw new SessionSetupException(
                    $"The database {database.Path} lacks a table of sessions ({exception.Message}): run dotnet ef migrations add AddServerSideSessions, then dotnet ef database update.",
                    exception);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(107, LogLevel.Information, "The store is SQLite: {Path}")]
        public static partial void Serving(ILogger logger, string path);
    }
}
