using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// The application's database file, and the lock that says that a process serves it. One process serves one file: a second one's cache would not
/// learn that a session had ended in the first, so a second one does not start. The lock is the operating system's and goes with the process,
/// however it ends.
/// </summary>
public sealed class SqliteDatabase : IDisposable
{
    private readonly Lazy<SqliteConnectionStringBuilder> _connection;
    private FileStream? _served;

    internal SqliteDatabase(Func<(string Context, string? ConnectionString)> read) => _connection = new(() =>
    {
        var (context, connectionString) = read();
        try
        {
            return Read(connectionString);
        }
        catch (ArgumentException exception)
        {
            throw new SessionSetupException($"The connection string of {context} {exception.Message}.");
        }
    });

    /// <summary>The full path of the file, behind all links.</summary>
    public string Path => _connection.Value.DataSource;

    /// <summary>A connection string for this file that never creates it: one that vanished while it was served is out of reach, and not empty.</summary>
    public string ConnectionString => _connection.Value.ConnectionString;

    private string LockPath => Path + ".lock";

    /// <summary>Completes a connection string with what serving sessions from the file takes.</summary>
    /// <param name="connectionString">The configured one.</param>
    /// <returns>One with the file's full path that never creates it.</returns>
    /// <exception cref="ArgumentException">It cannot be read, or names no file; the message is the end of a sentence that begins with what has the string.</exception>
    public static string Complete(string? connectionString) => Read(connectionString).ConnectionString;

    /// <summary>A file that no context of the application uses: to lock one while it is copied or replaced.</summary>
    /// <param name="connectionString">A connection string that names it.</param>
    public static SqliteDatabase ForFile(string connectionString) => new(() => (nameof(SqliteDatabase), connectionString));

    /// <summary>Takes the file for this process, if it has not done so before.</summary>
    /// <exception cref="SessionSetupException">Another process serves it, or it was served before and is gone.</exception>
    /// <exception cref="IOException">The lock's file cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The lock's file may not be made.</exception>
    public void Serve()
    {
        if (_served is not null)
        {
            return;
        }

        var isNew = !File.Exists(LockPath);
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            _served = new FileStream(LockPath, options);
        }
        catch (IOException) when (!isNew)
        {
            throw new SessionSetupException($"another process serves {Path}. One process at a time serves an SQLite file.");
        }

        // The lock stays when the program ends. Where it is and the file is not, the file was lost, and with it every account.
        if (!isNew && !File.Exists(Path))
        {
            throw new SessionSetupException($"{Path} has been served before and is gone. Restore it, or delete {LockPath} to begin with an empty one.");
        }
    }

    /// <summary>Switches the file to write-ahead logging, which it remembers.</summary>
    /// <param name="connection">An open connection.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="SessionSetupException">The file system cannot do it.</exception>
    public static async Task UseWriteAheadLogAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode=WAL";
        var mode = (string?)await command.ExecuteScalarAsync(cancellationToken);
        if (mode != "wal")
        {
            throw new SessionSetupException($"the file system has no write-ahead logging (journal mode '{mode}'); use a local disk.");
        }
    }

    /// <summary>Prepares a connection for the time before the file is served, as for migrations: every commit is on the disk.</summary>
    /// <param name="connection">An open connection.</param>
    public static void Prepare(DbConnection connection) => SqliteConnectionPreparation.SetPragmas(connection);

    /// <inheritdoc/>
    public void Dispose() => _served?.Dispose();

    private static SqliteConnectionStringBuilder Read(string? text)
    {
        SqliteConnectionStringBuilder builder;
        try
        {
            builder = new SqliteConnectionStringBuilder(text);
        }
        catch (ArgumentException exception)
        {
            throw new ArgumentException($"is not an SQLite connection string: {exception.Message}");
        }

        if (builder.DataSource is "" || builder.Mode == SqliteOpenMode.Memory || builder.DataSource.Contains(":memory:", StringComparison.Ordinal)
            || builder.DataSource.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            throw new ArgumentException("must name a database file (Data Source=path): sessions have to outlive the program");
        }

        if (builder.Password.Length > 0)
        {
            throw new ArgumentException("has a Password, and this SQLite does not encrypt");
        }

        if (builder.Mode == SqliteOpenMode.ReadOnly)
        {
            throw new ArgumentException("must not be read-only: a logout is written");
        }

        // The file itself, whatever links lead to it: they must not lead past its lock.
        var path = System.IO.Path.GetFullPath(InDataDirectory(builder.DataSource));
        builder.DataSource = (File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true) : null)?.FullName ?? path;

        builder.DefaultTimeout = SqliteConnectionPreparation.RetrySeconds;
        builder.ForeignKeys = true;

        // The locks of a shared cache do not wait, whatever the busy limit.
        builder.Cache = SqliteCacheMode.Default;

        // Never create the file on the way: one that vanished while we run is a store out of reach, not an empty store.
        builder.Mode = SqliteOpenMode.ReadWrite;
        return builder;
    }

    // As Microsoft.Data.Sqlite reads it.
    private static string InDataDirectory(string path)
    {
        const string prefix = "|DataDirectory|";
        return path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
            ? System.IO.Path.Combine(AppDomain.CurrentDomain.GetData("DataDirectory") as string ?? AppContext.BaseDirectory, path[prefix.Length..].TrimStart('/', '\\'))
            : path;
    }
}
