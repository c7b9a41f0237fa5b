using AuthApi.Startup;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>
/// The database file of one running program: its folder and file, readable by their owner alone; the lock that says the
/// file is being served; and its schema, brought up to date before the first request.
/// </summary>
/// <remarks>
/// One process serves one file. A second one's cache would not hear that a session had ended in the first, so a second
/// one does not start. The lock is the operating system's and goes with the process, however it ends.
/// </remarks>
public sealed partial class SqliteDatabase(SqliteConnectionStringBuilder connectionString, ILogger<SqliteDatabase> logger) : IDisposable
{
    /// <summary>The migrations of this version, in their order.</summary>
    internal static readonly string[] Migrations =
    [
        "20261122192917_CreateAccountsSessionsAndAudit",
        "20261123021422_FewerSessionIndexes",
        "20261126120307_AppendEndsAndEntries",
        "20261129095721_RemoveJournals",
    ];

    internal const string DefaultConnectionString = "Data Source=data/auth.db";

    private const string Key = "ConnectionStrings:Auth";

    private FileStream? _served;

    internal string Path => connectionString.DataSource;

    private string LockPath => Path + ".lock";

    /// <summary>Reads <c>ConnectionStrings:Auth</c>, and adds what every connection needs.</summary>
    /// <exception cref="ConfigurationException">It cannot be read, or names no file.</exception>
    public static SqliteDatabase FromConnectionString(string? text, ILogger<SqliteDatabase> logger)
    {
        SqliteConnectionStringBuilder builder;
        try
        {
            builder = new SqliteConnectionStringBuilder(text);
        }
        catch (ArgumentException exception)
        {
            throw new ConfigurationException(Key, $"is not an SQLite connection string: {exception.Message}");
        }

        if (builder.DataSource is "" || builder.Mode == SqliteOpenMode.Memory || builder.DataSource.Contains(":memory:", StringComparison.Ordinal)
            || builder.DataSource.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            throw new ConfigurationException(Key, "must name a database file (Data Source=path): sessions have to outlive the program");
        }

        if (builder.Password.Length > 0)
        {
            throw new ConfigurationException(Key, "has a Password, and this SQLite does not encrypt");
        }

        if (builder.Mode == SqliteOpenMode.ReadOnly)
        {
            throw new ConfigurationException(Key, "must not be read-only: a logout is written");
        }

        // The file itself, whatever links lead to it: they must not lead past its lock.
        var path = System.IO.Path.GetFullPath(builder.DataSource);
        builder.DataSource = (File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true) : null)?.FullName ?? path;

        // Seconds. Microsoft.Data.Sqlite looks again until then, asleep; SQLite itself has waited longer (busy_timeout).
        builder.DefaultTimeout = 1;
        builder.ForeignKeys = true;

        // The locks of a shared cache do not wait, whatever the busy limit.
        builder.Cache = SqliteCacheMode.Default;

        // Never create the file on the way: one that vanished while we run is a store out of reach, not an empty store.
        builder.Mode = SqliteOpenMode.ReadWrite;
        return new SqliteDatabase(builder, logger);
    }

    public string ConnectionString => connectionString.ConnectionString;

    /// <summary>Makes the folder and the file when missing, takes the file for this process, and applies pending migrations.</summary>
    /// <exception cref="ConfigurationException">The path cannot be used, or another process serves the file.</exception>
    public async Task PrepareAsync(IDbContextFactory<AuthDbContext> contexts, CancellationToken cancellationToken)
    {
        try
        {
            CreateFolder();
            Serve();
            CreateFile();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(Key, $"cannot be used: {exception.Message}");
        }

        try
        {
            bool isMigrated;
            await using (var connection = new SqliteConnection(ConnectionString))
            {
                await connection.OpenAsync(cancellationToken);
                SqliteConnectionPreparation.SetPragmas(connection);
                await UseWriteAheadLogAsync(connection, cancellationToken);
                await ForgetDeadMigratorAsync(connection, cancellationToken);
                isMigrated = await IsMigratedAsync(connection, cancellationToken);
            }

            // To migrate is also to make the whole model and compare it with the last migration, which a test has done already.
            if (!isMigrated)
            {
                await using var context = await contexts.CreateDbContextAsync(cancellationToken);
                await context.Database.MigrateAsync(cancellationToken);
            }
        }
        catch (SqliteException exception)
        {
            throw new ConfigurationException(Key, $"cannot be used: {exception.Message} ({Path})");
        }
    }

    /// <summary>Logs which file is the database.</summary>
    internal void LogPath() => Log.Serving(logger, Path);

    public void Dispose() => _served?.Dispose();

    private void CreateFolder()
    {
        var folder = System.IO.Path.GetDirectoryName(Path)!;
        if (Directory.Exists(folder))
        {
            return;
        }

        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private void Serve()
    {
        var isNew = !File.Exists(LockPath);
        try
        {
            _served = OpenForOwner(LockPath, FileShare.None);
        }
        catch (IOException) when (!isNew)
        {
            throw new ConfigurationException(Key, $"names a file that another process serves: {Path}. One process at a time serves an SQLite file.");
        }

        // The lock stays when the program ends. Where it is and the file is not, the file was lost, and with it every account.
        if (!isNew && !File.Exists(Path))
        {
            throw new ConfigurationException(Key, $"names a file that has been served before and is gone: {Path}. Restore it, or delete {LockPath} to begin with an empty one.");
        }
    }

    private void CreateFile()
    {
        // SQLite gives its -wal and -shm files the mode of the database file.
        OpenForOwner(Path, FileShare.ReadWrite | FileShare.Delete).Dispose();
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(Path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != 0)
        {
            Log.FileIsOpenToOthers(logger, Path);
        }
    }

    private static FileStream OpenForOwner(string path, FileShare share)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = share };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }

    private static async Task UseWriteAheadLogAsync(SqliteConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode=WAL";
        var mode = (string?)await command.ExecuteScalarAsync(cancellationToken);
        if (mode != "wal")
        {
            throw new ConfigurationException(Key, $"names a file on a file system without write-ahead logging (journal mode '{mode}'); use a local disk");
        }
    }

    // Migrations are applied in their order, so where the last one was, all were.
    private async Task<bool> IsMigratedAsync(SqliteConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM sqlite_master WHERE name = '__EFMigrationsHistory'";
        if ((long?)await command.ExecuteScalarAsync(cancellationToken) == 0)
        {
            return false;
        }

        command.CommandText = "SELECT MigrationId FROM __EFMigrationsHistory ORDER BY MigrationId";
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        string? last = null;
        while (await rows.ReadAsync(cancellationToken))
        {
            last = rows.GetString(0);
            if (!Migrations.Contains(last))
            {
                throw new ConfigurationException(Key, $"names a file of a newer version, with the migration {last}: {Path}. Run that version, or restore a backup made before it");
            }
        }

        return last == Migrations[^1];
    }

    // EF Core marks a running migration by a row, and waits for ever for one that a killed process left behind.
    // We hold the file, so any such row is a dead process's.
    private static async Task ForgetDeadMigratorAsync(SqliteConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM sqlite_master WHERE name = '__EFMigrationsLock'";
        if ((long?)await command.ExecuteScalarAsync(cancellationToken) > 0)
        {
            command.CommandText = "DELETE FROM __EFMigrationsLock";
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(104, LogLevel.Warning, "{Path} is readable by others than its owner; it should have mode 0600.")]
        public static partial void FileIsOpenToOthers(ILogger logger, string path);

        [LoggerMessage(107, LogLevel.Information, "The store is SQLite: {Path}")]
        public static partial void Serving(ILogger logger, string path);
    }
}
