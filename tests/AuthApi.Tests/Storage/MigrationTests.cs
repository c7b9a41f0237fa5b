using System.Net;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Storage;

/// <summary>A database file of an earlier version is served with everything that was in it.</summary>
internal sealed class MigrationTests
{
    // The last one of version 0.1, which appended ends and entries to journals.
    private const string WithJournals = "20261126120307_AppendEndsAndEntries";

    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private TemporaryFolder _folder = null!;

    private string DatabaseFile => Path.Combine(_folder.Path, "auth.db");

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public async Task The_journals_are_drained_and_dropped()
    {
        var (live, drained, ended) = (SessionToken.Create(), SessionToken.Create(), SessionToken.Create());
        await MakeStoreWithJournalsAsync(live, drained, ended);

        await using var application = Start();
        Assert.That(await StatusAsync(application, live), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await StatusAsync(application, drained), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await StatusAsync(application, ended), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await application.StoredSessionsAsync()).Select(session => session.TokenHash), Is.EquivalentTo(new[] { live.Hash, drained.Hash }));
        Assert.That(await TablesAsync(), Has.None.EqualTo("EndedSessions").And.None.EqualTo("AuditJournal").And.None.EqualTo("LiveSessions").And.None.EqualTo("AuditTrail"));
    }

    [Test]
    public async Task Event_ids_stay_and_the_next_goes_on_from_them()
    {
        var live = SessionToken.Create();
        await MakeStoreWithJournalsAsync(live, SessionToken.Create(), SessionToken.Create());

        await using var application = Start();
        using var browser = BrowserWith(application, live);
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        using var other = application.NewBrowser();
        await other.RegisterAsync("eve@example.com");
        Assert.That(await EventsAsync(), Is.EqualTo(new[]
        {
            "1 SignedIn", "2 SignedIn", "3 SignedIn", "4 SignInFailed", "5 SignInFailed", "6 SignedOut", "7 SignedOut",
        }));
    }

    private static async Task<HttpStatusCode> StatusAsync(AuthApiApplication application, SessionToken token)
    {
        using var browser = BrowserWith(application, token);
        return await browser.MeAsync();
    }

    private static Browser BrowserWith(AuthApiApplication application, SessionToken token)
    {
        var browser = application.NewBrowser();
        browser.Cookies["__Host-session"] = token.Reveal();
        return browser;
    }

    private AuthApiApplication Start() => new(settings: new() { ["ConnectionStrings:Auth"] = $"Data Source={DatabaseFile}" });

    // Three sessions have begun; of one the end is in the journal and the row still there; three entries are in the journal.
    private async Task MakeStoreWithJournalsAsync(SessionToken live, SessionToken drained, SessionToken ended)
    {
        var options = new DbContextOptionsBuilder<AuthDbContext>().UseSqlite($"Data Source={DatabaseFile};Pooling=False").Options;
        await using (var context = new AuthDbContext(options))
        {
            await context.Database.MigrateAsync(WithJournals);
        }

        await using var connection = await OpenAsync();
        await ExecuteAsync(connection, $"""
            INSERT INTO AspNetUsers (Id, AccessFailedCount, CreatedAt, Email, EmailConfirmed, LockoutEnabled, NormalizedEmail, NormalizedUserName, PhoneNumberConfirmed,
                SecurityStamp, TwoFactorEnabled, UserName)
            VALUES (1, 0, {Now.ToUnixTimeMilliseconds()}, 'ada@example.com', 0, 1, 'ADA@EXAMPLE.COM', 'ADA', 0, 'STAMP', 0, 'ada');
            """);
        foreach (var token in new[] { live, drained, ended })
        {
            await ExecuteAsync(connection, $"""
                INSERT INTO UserSessions (Key, Id, UserId, TokenHash, CreatedAt, LastSeenAt, IdleExpiresAt, AbsoluteExpiresAt, AuthenticatedAt,
                    AuthenticationMethods, Transport, RememberMe)
                VALUES ({token.Hash.Prefix}, '{Guid.CreateVersion7(Now).ToString().ToUpperInvariant()}', 1, x'{Convert.ToHexString(token.Hash.ToArray())}',
                    {At(0)}, {At(0)}, {At(30)}, {At(720)}, {At(0)}, 'pwd', 'Cookie', 0);
                INSERT INTO AuditEntries (At, Event, UserId) VALUES ({At(0)}, 'SignedIn', 1);
                """);
        }

        await ExecuteAsync(connection, $"""
            INSERT INTO sqlite_sequence (name, seq) VALUES ('AuditJournal', 3);
            INSERT INTO AuditJournal (At, Event, UserId) VALUES ({At(1)}, 'SignInFailed', 1), ({At(1)}, 'SignInFailed', NULL), ({At(2)}, 'SignedOut', 1);
            INSERT INTO EndedSessions (Key) VALUES ({ended.Hash.Prefix});
            """);
    }

    private static long At(int minutes) => Now.AddMinutes(minutes).ToUnixTimeMilliseconds();

    private Task<List<string>> TablesAsync() => ListAsync("SELECT name FROM sqlite_master");

    private Task<List<string>> EventsAsync() => ListAsync("SELECT Id || ' ' || Event FROM AuditEntries ORDER BY Id");

    private async Task<List<string>> ListAsync(string query)
    {
        await using var connection = await OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = query;
        await using var reader = await command.ExecuteReaderAsync();
        var found = new List<string>();
        while (await reader.ReadAsync())
        {
            found.Add(reader.GetString(0));
        }

        return found;
    }

    private async Task<SqliteConnection> OpenAsync()
    {
        var connection = new SqliteConnection($"Data Source={DatabaseFile};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    private static async Task ExecuteAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
