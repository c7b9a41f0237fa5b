using System.Diagnostics;
using System.Net;
using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Storage;

[NonParallelizable]
internal sealed class SqliteDatabaseTests
{
    private AuthApiApplication _application = null!;

    [SetUp]
    public void SetUp() => _application = new AuthApiApplication();

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [TestCase("journal_mode", "wal")]
    [TestCase("synchronous", "2", Description = "FULL")]
    [TestCase("foreign_keys", "1")]
    [TestCase("busy_timeout", "2000")]
    [TestCase("journal_size_limit", "33554432")]
    public async Task Every_connection_is_set_up_for_durability(string pragma, string value)
    {
        var found = await _application.QueryAsync(async context =>
        {
            await context.Database.OpenConnectionAsync();
            await using var command = context.Database.GetDbConnection().CreateCommand();
            command.CommandText = $"PRAGMA {pragma}";
            return (await command.ExecuteScalarAsync())!.ToString();
        });

        Assert.That(found, Is.EqualTo(value));
    }

    [Test]
    [Platform(Exclude = "Win")]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task Folder_and_files_are_readable_by_their_owner_alone()
    {
        await using var application = new AuthApiApplication(migrated: false);
        using var browser = await application.NewLoggedInBrowserAsync();

        Assert.That(File.GetUnixFileMode(Path.GetDirectoryName(application.DatabaseFile)!),
            Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        foreach (var suffix in new[] { "", "-wal", "-shm", ".lock" })
        {
            Assert.That(File.GetUnixFileMode(application.DatabaseFile + suffix), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite), suffix);
        }
    }

    [Test]
    public async Task The_model_and_the_migrations_agree()
    {
        Assert.That(await _application.QueryAsync(context => Task.FromResult(context.Database.HasPendingModelChanges())), Is.False);
        Assert.That(await _application.QueryAsync(context => context.Database.GetPendingMigrationsAsync()), Is.Empty);
        Assert.That(await _application.QueryAsync(context => Task.FromResult(context.Database.GetMigrations())), Is.EqualTo(SqliteFile.Migrations));
    }

    [Test]
    public async Task A_store_of_an_earlier_version_is_migrated_with_its_sessions()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var other = _application.NewBrowser();
        await other.LogInAsync();
        var sessions = await _application.StoredSessionsAsync();

        await _application.QueryAsync(async context =>
        {
            await context.Database.MigrateAsync("CreateAccountsSessionsAndAudit");
            await context.Database.MigrateAsync();
            return true;
        });

        Assert.That(await _application.StoredSessionsAsync(), Is.EqualTo(sessions).Using<UserSession>((left, right) => left.Id == right.Id && left.TokenHash == right.TokenHash
            && left.UserId == right.UserId && left.IdleExpiresAt == right.IdleExpiresAt && left.UserAgent == right.UserAgent));
        using var loggedOut = await browser.LogOutAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_file_of_a_newer_version_stops_the_start()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "data", "auth.db");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        MigratedDatabase.CopyTo(file);
        await using (var connection = new SqliteConnection($"Data Source={file};Pooling=False"))
        {
            await connection.OpenAsync();
            await ExecuteAsync(connection, """INSERT INTO "__EFMigrationsHistory" VALUES ('29990101000000_FromTheFuture', '99.0')""");
        }

        var (exitCode, _, error) = await ProgramInProcess.RunToEndAsync(folder.Path);

        Assert.That(exitCode, Is.Not.Zero);
        Assert.That(error.Trim().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(error, Does.Contain("ConnectionStrings:Auth").And.Contain("29990101000000_FromTheFuture"));
    }

    [Test]
    public async Task A_killed_migration_does_not_block_the_next_start()
    {
        var folder = Path.GetDirectoryName(_application.DatabaseFile)!;
        Directory.CreateDirectory(folder);
        await using (var connection = await OpenAsync(SqliteOpenMode.ReadWriteCreate))
        {
            await ExecuteAsync(connection, """
                CREATE TABLE "__EFMigrationsLock" ("Id" INTEGER NOT NULL CONSTRAINT "PK___EFMigrationsLock" PRIMARY KEY, "Timestamp" TEXT NOT NULL);
                INSERT INTO "__EFMigrationsLock" VALUES (1, '2026-01-01 00:00:00');
                """);
        }

        using var browser = await _application.NewLoggedInBrowserAsync();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_locked_file_is_a_503_within_three_seconds()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        await browser.MeAsync();
        await using var connection = await OpenAsync();
        await ExecuteAsync(connection, "BEGIN IMMEDIATE");

        // Many at once: who comes while others wait is not made to wait for them and then as long again.
        var watch = Stopwatch.StartNew();
        var logouts = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            using var copy = browser.Copy();
            using var response = await copy.LogOutAsync();
            await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
            Assert.That(response.SetCookies(), Is.Empty);
            return watch.Elapsed;
        }));

        Assert.That(logouts, Is.All.LessThan(TimeSpan.FromSeconds(3)));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "readers do not wait");

        await ExecuteAsync(connection, "ROLLBACK");
        using var after = await browser.LogOutAsync();
        Assert.That(after.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_lock_that_is_soon_released_only_delays()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        await browser.MeAsync();
        await using var connection = await OpenAsync();
        await ExecuteAsync(connection, "BEGIN IMMEDIATE");

        // The writer has the slot when it meets the lock.
        var logout = browser.LogOutAsync();
        var slot = _application.Services.GetRequiredService<WriteSlot>();
        while (await slot.TryEnterAsync(TimeSpan.Zero))
        {
            slot.Exit();
            await Task.Delay(10);
        }

        Assert.That(await Task.WhenAny(logout, Task.Delay(TimeSpan.FromMilliseconds(300))), Is.Not.SameAs(logout));
        await ExecuteAsync(connection, "ROLLBACK");

        using var response = await logout;
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_deleted_file_is_a_503_and_is_not_replaced()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        foreach (var suffix in new[] { "", "-wal", "-shm" })
        {
            File.Delete(_application.DatabaseFile + suffix);
        }

        using var response = await browser.LogOutAsync();

        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(response.SetCookies(), Is.Empty);
        Assert.That(File.Exists(_application.DatabaseFile), Is.False);
    }

    [Test]
    public async Task Times_sort_and_compare_in_the_database()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        _application.Time.Advance(TimeSpan.FromMinutes(1));
        using var bob = await _application.NewLoggedInBrowserAsync("bob@example.com");

        var newest = await _application.QueryAsync(context => context.Users
            .Where(user => user.CreatedAt > DateTimeOffset.UnixEpoch).OrderByDescending(user => user.CreatedAt).Select(user => user.Email).FirstAsync());

        Assert.That(newest, Is.EqualTo("bob@example.com"));
    }

    private static async Task ExecuteAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    private async Task<SqliteConnection> OpenAsync(SqliteOpenMode mode = SqliteOpenMode.ReadWrite)
    {
        var connection = new SqliteConnection($"Data Source={_application.DatabaseFile};Pooling=False;Mode={mode}");
        await connection.OpenAsync();
        return connection;
    }
}
