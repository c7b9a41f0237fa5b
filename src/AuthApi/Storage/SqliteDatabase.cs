using AuthApi.Hosting;
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
internal sealed class SqliteDatabase(SqliteConnectionStringBuilder connectionString) : IDisposable
{
    private FileStream? _served;

    private string Path => connectionString.DataSource;

    /// <summary>Reads <c>ConnectionStrings:Auth</c>, and adds what every connection of ours must have.</summary>
    /// <exception cref="ConfigurationException">It cannot be read, or names no file.</exception>
    public static SqliteDatabase FromConnectionString(string? text)
    {
        SqliteConnectionStringBuilder builder;
        try
        {
            builder = new SqliteConnectionStringBuilder(text);
        }
        catch (ArgumentException exception)
        {
            throw new ConfigurationException("ConnectionStrings:Auth", $"is not an SQLite connection string: {exception.Message}");
        }

        if (builder.DataSource is "" || builder.Mode == SqliteOpenMode.Memory || builder.DataSource.Contains(":memory:", StringComparison.Ordinal)
            || builder.DataSource.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            throw new ConfigurationException("ConnectionStrings:Auth", "must name a database file (Data Source=path): sessions have to outlive the program");
        }

        if (builder.Mode == SqliteOpenMode.ReadOnly)
        {
            throw new ConfigurationException("ConnectionStrings:Auth", "must not be read-only: a logout is written");
        }

        builder.DataSource = System.IO.Path.GetFullPath(builder.DataSource);
        builder.DefaultTimeout = SqliteConnectionPreparation.BusyTimeoutSeconds;
        builder.ForeignKeys = true;

        // Never create the file on the way: one that vanished while we run is a store out of reach, not an empty store.
        builder.Mode = SqliteOpenMode.ReadWrite;
        return new SqliteDatabase(builder);
    }

    public string ConnectionString => connectionString.ConnectionString;

    /// <summary>Makes the folder and the file when missing, takes the file for this process, and applies pending migrations.</summary>
    /// <exception cref="ConfigurationException">The path cannot be used, or another process serves the file.</exception>
    public async Task PrepareAsync(AuthDbContext context, CancellationToken cancellationToken)
    {
        try
        {
            CreateFile();
            _served = OpenForOwner(Path + ".lock", FileShare.None);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException("ConnectionStrings:Auth", $"cannot be used: {exception.Message} One process at a time serves an SQLite file.");
        }

        await UseWriteAheadLogAsync(cancellationToken);
        await ForgetDeadMigratorAsync(cancellationToken);
        await context.Database.MigrateAsync(cancellationToken);
    }

    public void Dispose() => _served?.Dispose();

    private void CreateFile()
    {
        if (System.IO.Path.GetDirectoryName(Path) is { Length: > 0 } folder && !Directory.Exists(folder))
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder);
            }
            else
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }

        // SQLite gives its -wal and -shm files the mode of the database file.
        OpenForOwner(Path, FileShare.ReadWrite | FileShare.Delete).Dispose();
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

    private async Task UseWriteAheadLogAsync(CancellationToken cancellationToken)
    {
        await using var connection = new SqliteConnection(ConnectionString);
        await connection.OpenAsync(cancellationToken);
        SqliteConnectionPreparation.Prepare(connection);
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode=WAL";
        var mode = (string?)await command.ExecuteScalarAsync(cancellationToken);
        if (mode != "wal")
        {
            throw new ConfigurationException("ConnectionStrings:Auth", $"names a file on a file system without write-ahead logging (journal mode '{mode}'); use a local disk");
        }
    }

    // EF Core marks a running migration by a row, and waits for ever for one that a killed process left behind.
    // We hold the file, so any such row is a dead process's.
    private async Task ForgetDeadMigratorAsync(CancellationToken cancellationToken)
    {
        await using var connection = new SqliteConnection(ConnectionString);
        await connection.OpenAsync(cancellationToken);
        SqliteConnectionPreparation.Prepare(connection);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM sqlite_master WHERE name = '__EFMigrationsLock'";
        if ((long?)await command.ExecuteScalarAsync(cancellationToken) > 0)
        {
            command.CommandText = "DELETE FROM __EFMigrationsLock";
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
