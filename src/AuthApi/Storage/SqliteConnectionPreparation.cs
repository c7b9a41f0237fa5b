using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace AuthApi.Storage;

/// <summary>
/// What every connection to SQLite needs and the file does not remember. <c>synchronous=FULL</c> syncs the log at each
/// commit: with less, SQLite documents that a committed transaction "might roll back following a power loss", and a
/// session somebody ended would live again. The busy limit waits inside SQLite, which looks again within milliseconds,
/// where the managed retry would sleep 150 ms between looks.
/// </summary>
internal sealed class SqliteConnectionPreparation : DbConnectionInterceptor
{
    /// <summary>How long to wait for another process's lock, in seconds, before the answer is 503.</summary>
    public const int BusyTimeoutSeconds = 2;

    // Each connection has a cache of pages, of 2 MB unless told otherwise, and the system keeps the same pages: a tenth of it will do.
    // The log is copied into the file at 16 MB, four times the stock size: a page that changed often in between is copied once.
    private static readonly string Pragmas =
        $"PRAGMA busy_timeout={BusyTimeoutSeconds * 1000};PRAGMA synchronous=FULL;PRAGMA cache_size=-200;PRAGMA wal_autocheckpoint=4000;";

    // What a batch changes must fit, or it goes to the log twice.
    private const string WriterPragmas = "PRAGMA cache_size=-8000;";

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => Prepare(connection);

    public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Prepare(connection);
        return Task.CompletedTask;
    }

    /// <exception cref="StoreUnavailableException">The file is gone, and what is written would go with the last handle to it.</exception>
    internal static void Prepare(DbConnection connection)
    {
        EnsureFileExists(connection);
        Run(connection, Pragmas);
    }

    /// <summary>The same for the one writer's connection, with the room it needs.</summary>
    internal static void PrepareForWriting(DbConnection connection)
    {
        Prepare(connection);
        Run(connection, WriterPragmas);
    }

    /// <summary>Refuses a pooled connection to a file that has been deleted: the system would let us go on writing to nothing.</summary>
    /// <exception cref="StoreUnavailableException">The file is gone.</exception>
    internal static void EnsureFileExists(DbConnection connection)
    {
        if (!File.Exists(connection.DataSource))
        {
            throw new StoreUnavailableException("The database file is gone.");
        }
    }

    private static void Run(DbConnection connection, string pragmas)
    {
        using var command = connection.CreateCommand();
        command.CommandText = pragmas;
        command.ExecuteNonQuery();
    }
}
