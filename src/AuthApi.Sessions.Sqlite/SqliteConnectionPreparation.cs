using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// What every connection to SQLite needs and the file does not remember. <c>synchronous=FULL</c> syncs the log at each
/// commit: with less, SQLite documents that a committed transaction "might roll back following a power loss", and a
/// session somebody ended would live again. The busy limit waits inside SQLite, which looks again within milliseconds,
/// where the managed retry would sleep 150 ms between looks.
/// </summary>
internal sealed class SqliteConnectionPreparation(OpenStoreFiles files) : DbConnectionInterceptor, IDbCommandInterceptor
{
    /// <summary>How long to wait for another process's lock, in seconds, before the answer is 503.</summary>
    public const int BusyTimeoutSeconds = 2;

    /// <summary>How long Microsoft.Data.Sqlite looks again, asleep, in seconds; SQLite itself has waited longer (busy_timeout).</summary>
    public const int RetrySeconds = 1;

    // SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE
    private const int NoCheckpointOnClose = 1006;

    // Each connection has a cache of pages, of 2 MB by default, and the system keeps the same pages: a tenth of it will do.
    // The log is copied into the file at 16 MB, four times the stock size: a page that changed often in between is copied once.
    private static readonly string Pragmas =
        $"PRAGMA busy_timeout={BusyTimeoutSeconds * 1000};PRAGMA synchronous=FULL;PRAGMA cache_size=-200;PRAGMA wal_autocheckpoint=4000;PRAGMA journal_size_limit={LogSizeLimit};";

    // Bytes. A log that a long reader has made larger is cut to this size when it starts over.
    private const int LogSizeLimit = 32 * 1024 * 1024;

    // What a batch changes must fit, or it goes to the log twice.
    private const string WriterPragmas = "PRAGMA cache_size=-8000;";

    // The stock templates' connection string shares a cache between connections, whose locks do not wait, whatever the busy limit.
    public override InterceptionResult ConnectionOpening(DbConnection connection, ConnectionEventData eventData, InterceptionResult result)
    {
        if (connection.ConnectionString.Contains("Shared", StringComparison.OrdinalIgnoreCase))
        {
            connection.ConnectionString = new SqliteConnectionStringBuilder(connection.ConnectionString) { Cache = SqliteCacheMode.Default }.ConnectionString;
        }

        return result;
    }

    public override ValueTask<InterceptionResult> ConnectionOpeningAsync(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(ConnectionOpening(connection, eventData, result));

    public void CommandFailed(DbCommand command, CommandErrorEventData eventData) => DiscardIfOutOfReach(command.Connection, eventData.Exception);

    public Task CommandFailedAsync(DbCommand command, CommandErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        CommandFailed(command, eventData);
        return Task.CompletedTask;
    }

    /// <summary>
    /// Lets nobody have this connection again, nor those that wait in its pool: one that could not open the log for want of handles would not open it later
    /// either, and be handed out first each time.
    /// </summary>
    internal static void DiscardIfOutOfReach(DbConnection? connection, Exception exception)
    {
        if (connection is SqliteConnection sqlite && StoreFailures.IsOutOfReach(exception))
        {
            SqliteConnection.ClearPool(sqlite);
        }
    }

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => Prepare(connection, files);

    public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Prepare(connection, files);
        return Task.CompletedTask;
    }

    /// <summary>Makes a connection that was just opened ready for use.</summary>
    /// <exception cref="StoreUnavailableException">A file of the store was removed or replaced: nothing may be read from it or written to it.</exception>
    internal static void Prepare(DbConnection connection, OpenStoreFiles files)
    {
        files.Opened(connection);
        files.EnsureInPlace();

        // The application's connection string has another, 30 seconds by default, and its requests would wait as long for a lock.
        ((SqliteConnection)connection).DefaultTimeout = RetrySeconds;
        SetPragmas(connection);

        // The pragmas have opened the log, which may have been removed in between.
        files.EnsureInPlace();
    }

    /// <summary>The same for the one writer's connection, with the room it needs.</summary>
    internal static void PrepareForWriting(DbConnection connection, OpenStoreFiles files)
    {
        Prepare(connection, files);
        Run(connection, WriterPragmas);
    }

    internal static void SetPragmas(DbConnection connection)
    {
        // The last connection would copy the log and delete what lies at its path, whosever that is; OpenStoreFiles copies it at the end.
        SQLitePCL.raw.sqlite3_db_config(((SqliteConnection)connection).Handle!, NoCheckpointOnClose, 1, out _);
        Run(connection, Pragmas);
    }

    private static void Run(DbConnection connection, string pragmas)
    {
        using var command = connection.CreateCommand();
        command.CommandText = pragmas;
        command.ExecuteNonQuery();
    }
}
