using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// Whether the files that are open, the database and its write-ahead log, are the files that lie at their paths. If somebody removed or replaced one, the system
/// lets the program go on writing to what nobody will ever read again: then nothing is answered from the store, and what was committed is saved.
/// </summary>
/// <remarks>
/// The log is read by open connections only, once its name is gone. One connection is kept open from the start to the end for that: through it everything that
/// was committed is copied into the database file that is open. Two calls of <c>statx</c> a check.
/// </remarks>
internal sealed partial class OpenStoreFiles(SqliteDatabase sqlite, ILogger<OpenStoreFiles> logger) : IAsyncDisposable
{
    // Read when the files are opened: the database's context, which says where they lie, has interceptors that need this.
    private FilePath _databasePath = null!;
    private FilePath _logPath = null!;

    // Connections that were opened before the log was replaced write to a file without a name.
    private readonly ConditionalWeakTable<DbConnection, StrongBox<int>> _generations = [];

    private SqliteConnection? _keeper;
    private FileIdentity? _database;
    private FileIdentity? _log;
    private volatile int _generation;
    private string? _reported;

    /// <summary>Whether the open files are those at their paths. Before the start and after the end there are none.</summary>
    public bool AreInPlace => _keeper is null || (FileIdentity.Of(_databasePath) is { } database && database == _database && FileIdentity.Of(_logPath) is { } log && log == _log);

    /// <summary>Opens the files, before anybody else does, and keeps them open.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        _databasePath = new FilePath(sqlite.Path);
        _logPath = new FilePath(sqlite.Path + "-wal");
        _database = FileIdentity.Of(_databasePath);
        _keeper = await OpenKeeperAsync(cancellationToken);
        _log = FileIdentity.Of(_logPath);
    }

    /// <exception cref="StoreUnavailableException">A file was removed or replaced.</exception>
    public void EnsureInPlace()
    {
        if (!AreInPlace)
        {
            throw new StoreUnavailableException(Describe());
        }
    }

    /// <summary>Records which files the connection has open.</summary>
    public void Opened(DbConnection connection) => _generations.AddOrUpdate(connection, new StrongBox<int>(_generation));

    /// <summary>Whether the connection has the files open that lie there now.</summary>
    public bool IsCurrent(DbConnection connection) => _generations.TryGetValue(connection, out var generation) && generation.Value == _generation;

    /// <summary>
    /// Copies everything that was committed from the log that is open into the database file that is open, and starts a new log where the old one was removed.
    /// The caller must be the only one who may write.
    /// </summary>
    /// <exception cref="StoreUnavailableException">It could not be copied, or what lies at the paths is not the program's: nothing may be answered.</exception>
    /// <exception cref="SqliteException">The disk refused it, as where it is full: nothing may be answered.</exception>
    public async Task SaveAsync()
    {
        try
        {
            await CheckpointAsync();
            if (FileIdentity.Of(_databasePath) is not { } database || database != _database || !await ReopenAsync())
            {
                throw new StoreUnavailableException(Describe());
            }
        }
        catch (Exception exception)
        {
            // Once for each state, as it is tried again every second.
            if (_reported != exception.Message)
            {
                _reported = exception.Message;
                Log.NotInPlace(logger, exception.Message);
            }

            throw;
        }

        _reported = null;
    }

    /// <summary>Copies the log into the database file and empties it, at an orderly end.</summary>
    public async Task CloseAsync()
    {
        if (_keeper is { } keeper)
        {
            await CheckpointAsync();
            _keeper = null;
            await keeper.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_keeper is { } keeper)
        {
            _keeper = null;
            await keeper.DisposeAsync();
        }
    }

    // What is the program's is empty by now. An empty log in its place holds nothing either, and may be used; any other is somebody's.
    private async Task<bool> ReopenAsync()
    {
        var log = FileIdentity.Of(_logPath);
        if (log == _log)
        {
            return true;
        }

        if (log is not null && new FileInfo(_logPath.Text).Length > 0)
        {
            return false;
        }

        // The old connections must not be used again: their log has no name.
        var old = _keeper!;
        _generation++;
        using (var pooled = new SqliteConnection(sqlite.ConnectionString))
        {
            SqliteConnection.ClearPool(pooled);
        }

        _keeper = await OpenKeeperAsync(CancellationToken.None);
        _log = FileIdentity.Of(_logPath);
        await old.DisposeAsync();
        Log.LogRemoved(logger, _logPath.Text);
        return AreInPlace;
    }

    private async Task CheckpointAsync()
    {
        await using var command = _keeper!.CreateCommand();
        command.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
        await using var row = await command.ExecuteReaderAsync();
        if (!await row.ReadAsync() || row.GetInt32(0) != 0)
        {
            throw new StoreUnavailableException("The write-ahead log could not be copied into the database file: somebody else reads it.");
        }
    }

    private async Task<SqliteConnection> OpenKeeperAsync(CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection($"{sqlite.ConnectionString};Pooling=False");
        await connection.OpenAsync(cancellationToken);
        SqliteConnectionPreparation.SetPragmas(connection);

        // The log is opened by the first read.
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM sqlite_master";
        await command.ExecuteScalarAsync(cancellationToken);
        return connection;
    }

    private string Describe()
    {
        if (FileIdentity.Of(_databasePath) is not { } database)
        {
            return $"The database file is gone: {_databasePath.Text}";
        }

        return database == _database
            ? $"The write-ahead log was removed or replaced: {_logPath.Text}"
            : $"Another file was put in the place of the database: {_databasePath.Text}. It is not touched; restart to serve it.";
    }

    private static partial class Log
    {
        [LoggerMessage(111, LogLevel.Critical, "Nothing is written or read until this is mended: {Reason}")]
        public static partial void NotInPlace(ILogger logger, string reason);

        [LoggerMessage(112, LogLevel.Error, "The write-ahead log was removed while it was in use: {Path}. What was committed was saved into the database file, and a new log was begun.")]
        public static partial void LogRemoved(ILogger logger, string path);
    }
}
