using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using AuthApi.Startup;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>
/// The SQLite file of the program: its folder and file, readable by their owner alone, and its schema, brought up to date before the first
/// request.
/// </summary>
internal sealed partial class SqliteFile(SqliteDatabase database, IDbContextFactory<AuthDbContext> contexts, ILogger<SqliteFile> logger)
{
    /// <summary>The migrations of this version, in their order.</summary>
    internal static readonly string[] Migrations =
    [
        "20261122192917_CreateAccountsSessionsAndAudit",
        "20261123021422_FewerSessionIndexes",
        "20261126120307_AppendEndsAndEntries",
        "20261129095721_RemoveJournals",
        "20261129130706_LastUseAndPrincipalVersion",
        "20261129142904_AddMailQueue",
        "20261129144122_AddOneTimeCodes",
        "20261129144901_AddRegistrationRequests",
        "20261129155430_AddKnownDevices",
        "20261129162212_AddAdministration",
        "20261129165045_AddFactorsAndPasskeys",
        "20261129193642_AddWrongFactorNotice",
        "20261130050525_AddWrongCodesAndRepeatedRegistrations",
    ];

    internal const string DefaultConnectionString = "Data Source=data/auth.db";

    internal const string Key = "ConnectionStrings:Auth";

    /// <summary>Reads <c>ConnectionStrings:Auth</c>, and adds what every connection needs.</summary>
    /// <exception cref="ConfigurationException">It cannot be read, or names no file.</exception>
    public static string ConnectionString(IConfiguration configuration)
    {
        try
        {
            return SqliteDatabase.Complete(configuration.GetConnectionString("Auth") ?? DefaultConnectionString);
        }
        catch (ArgumentException exception)
        {
            throw new ConfigurationException(Key, exception.Message);
        }
    }

    /// <summary>A context of its own on a file, without the store's interceptors: for one that is not served.</summary>
    public static AuthDbContext NewContext(string connectionString, IServiceProvider services) =>
        new(new DbContextOptionsBuilder<AuthDbContext>().UseSqlite(connectionString).UseApplicationServiceProvider(services).Options);

    /// <summary>Makes the folder and the file when missing, takes the file for this process, and applies pending migrations.</summary>
    /// <exception cref="ConfigurationException">The path cannot be used, or another process serves the file.</exception>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        try
        {
            CreateFolder();
            database.Serve();
            CreateFile();
            KeyRing.CheckFolder(Path.GetDirectoryName(database.Path)!);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SessionSetupException)
        {
            throw new ConfigurationException(Key, $"cannot be used: {exception.Message}");
        }

        try
        {
            bool isMigrated;
            await using (var connection = new SqliteConnection(database.ConnectionString))
            {
                await connection.OpenAsync(cancellationToken);
                SqliteDatabase.Prepare(connection);
                await SqliteDatabase.UseWriteAheadLogAsync(connection, cancellationToken);
                await RemoveDeadMigratorAsync(connection, cancellationToken);
                isMigrated = await IsMigratedAsync(connection, cancellationToken);
            }

            // To migrate is also to make the whole model and compare it with the last migration, which a test has done already.
            if (!isMigrated)
            {
                await using var context = await contexts.CreateDbContextAsync(cancellationToken);
                await context.Database.MigrateAsync(cancellationToken);
            }
        }
        catch (Exception exception) when (exception is SqliteException or SessionSetupException)
        {
            throw new ConfigurationException(Key, $"cannot be used: {exception.Message} ({database.Path})");
        }
    }

    private void CreateFolder()
    {
        var folder = Path.GetDirectoryName(database.Path)!;
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

    private void CreateFile()
    {
        // SQLite gives its -wal and -shm files the mode of the database file.
        OpenForOwner(database.Path, FileShare.ReadWrite | FileShare.Delete).Dispose();
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(database.Path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != 0)
        {
            Log.FileIsOpenToOthers(logger, database.Path);
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
                throw new ConfigurationException(Key, $"names a file of a newer version, with the migration {last}: {database.Path}. Run that version, or restore a backup made before it");
            }
        }

        return last == Migrations[^1];
    }

    // EF Core marks a running migration by a row, and waits for ever for one that a killed process left behind.
    // We hold the file, so any such row is a dead process's.
    private static async Task RemoveDeadMigratorAsync(SqliteConnection connection, CancellationToken cancellationToken)
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
    }
}
