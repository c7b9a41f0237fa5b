using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text.Json.Nodes;
using AuthApi.Audit;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;

namespace AuthApi.Tests.Storage;

/// <summary>What is first appended goes to its place later, and nobody can tell when.</summary>
internal sealed class JournalDrainTests
{
    private TemporaryFolder _folder = null!;
    private AuthApiApplication _application = null!;

    private string DatabaseFile => Path.Combine(_folder.Path, "auth.db");

    [SetUp]
    public void SetUp()
    {
        _folder = new TemporaryFolder();
        _application = Start();
    }

    [TearDown]
    public async Task TearDown()
    {
        await _application.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task ALogoutIsAppendedAndItsRowIsDeletedASecondLater()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        await DrainAsync();
        using var logout = await browser.LogOutAsync();

        Assert.That(await CountAsync(), Is.EqualTo(new Rows(EndedSessions: 1, AuditJournal: 1, UserSessions: 1, LiveSessions: 0, AuditEntries: 1)));

        await DrainAsync();

        Assert.That(await CountAsync(), Is.EqualTo(new Rows(EndedSessions: 0, AuditJournal: 0, UserSessions: 0, LiveSessions: 0, AuditEntries: 2)));
    }

    [Test]
    public async Task WhatIsReadIsTheSameBeforeAndAfter()
    {
        using var first = await _application.NewLoggedInBrowserAsync();
        using var second = _application.NewBrowser();
        await second.LogInAsync();
        using var logout = await first.LogOutAsync();

        foreach (var isDrained in new[] { false, true })
        {
            if (isDrained)
            {
                await DrainAsync();
            }

            Assert.That((await ItemsAsync(second, "/sessions/")).Select(item => item["current"]!.GetValue<bool>()), Is.EqualTo(new[] { true }));
            Assert.That(
                (await ItemsAsync(second, "/me/activity/")).Select(item => (item["id"]!.GetValue<string>(), item["event"]!.GetValue<string>())),
                Is.EqualTo(new[] { ("3", "signed_out"), ("2", "signed_in"), ("1", "signed_in") }));
            Assert.That(await first.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await second.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        }
    }

    [Test]
    public async Task ASessionWhoseRowIsStillThereTakesNoRoomAndEndsOnce()
    {
        using var browser = _application.NewBrowser();
        await browser.RegisterAsync();
        await browser.LogInAsync();
        for (var i = 0; i < 60; i++)
        {
            // Each ends the one before, whose row stays.
            await browser.LogInAsync();
        }

        Assert.That((await CountAsync()).UserSessions, Is.EqualTo(61));
        Assert.That(await ItemsAsync(browser, "/sessions/"), Has.Count.EqualTo(1));
        await browser.ReauthenticateAsync();
        using var all = await browser.LogOutAsync("all");

        var events = await _application.EventsAsync(1);
        Assert.That(events.Count(what => what == AuditEvent.SessionReplaced), Is.EqualTo(60));
        Assert.That(events.Count(what => what == AuditEvent.SignedOut), Is.EqualTo(1));
        Assert.That(events.Count, Is.EqualTo(61 + 60 + 1 + 1));
    }

    [Test]
    public async Task MoreThanOneSliceIsDrainedAtOnce()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        await ExecuteAsync(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
            INSERT INTO AuditJournal (At, Event, UserId) SELECT i, 'SignInFailed', 2 FROM n
            """);

        await DrainAsync();

        Assert.That((await CountAsync()).AuditEntries, Is.EqualTo(1001));
    }

    [Test]
    public async Task EntriesKeepTheirNumbersAndTheNextGoesOnFromThem()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        await browser.ReauthenticateAsync();
        await DrainAsync();
        await browser.ReauthenticateAsync();

        Assert.That((await ItemsAsync(browser, "/me/activity/")).Select(item => item["id"]!.GetValue<string>()), Is.EqualTo(new[] { "3", "2", "1" }));
    }

    [Test]
    public async Task EntriesThatAnEarlierVersionHasWrittenInBetweenAreGoneOnFrom()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var same = await RestartAsync(
            browser, "INSERT INTO AuditEntries (At, Event, UserId) SELECT At, 'SignInFailed', 1 FROM AuditEntries UNION ALL SELECT At, 'SignInFailed', 1 FROM AuditEntries");
        await same.ReauthenticateAsync();

        Assert.That((await ItemsAsync(same, "/me/activity/")).Select(item => item["id"]!.GetValue<string>()), Is.EqualTo(new[] { "4", "3", "2", "1" }));

        await DrainAsync();
        Assert.That((await CountAsync()).AuditEntries, Is.EqualTo(4));
    }

    [Test]
    public async Task WhatAKilledProgramLeftIsRefusedByTheNextAndDrained()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();

        // As after a kill between the answer and the drain: the end is in the journal, and the row still there.
        using var same = await RestartAsync(browser, "INSERT INTO EndedSessions SELECT Key FROM UserSessions");

        Assert.That(await same.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));

        await DrainAsync();
        Assert.That(await CountAsync(), Is.EqualTo(new Rows(EndedSessions: 0, AuditJournal: 0, UserSessions: 0, LiveSessions: 0, AuditEntries: 1)));
    }

    [Test]
    public async Task AnOrderlyEndLeavesTheJournalsEmpty()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var logout = await browser.LogOutAsync();

        await _application.DisposeAsync();

        Assert.That(await CountAsync(), Is.EqualTo(new Rows(EndedSessions: 0, AuditJournal: 0, UserSessions: 0, LiveSessions: 0, AuditEntries: 2)));
        _application = Start();
    }

    [Test]
    public async Task AStoreOutOfReachOnlyDelaysIt()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var logout = await browser.LogOutAsync();
        await using (var connection = await OpenAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            _application.Time.Advance(TimeSpan.FromSeconds(1));

            // Refused by the writer as the drain is, after it or with it.
            using var guess = await _application.NewBrowser().PostAsync("/login/", new { email = "ada@example.com", password = "a guess" });
            Assert.That(guess.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        }

        await DrainAsync();

        Assert.That((await CountAsync()).UserSessions, Is.Zero);
    }

    // The program ends, something is done to its file, and the same client comes to the next one.
    private async Task<Browser> RestartAsync(Browser browser, [ConstantExpected] string meanwhile)
    {
        await _application.DisposeAsync();
        await ExecuteAsync(meanwhile);
        _application = Start();
        var same = _application.NewBrowser();
        same.Cookies["__Host-session"] = browser.Token;
        return same;
    }

    private static async Task<List<JsonNode>> ItemsAsync(Browser browser, string path)
    {
        using var response = await browser.GetAsync(path);
        return [.. (await response.JsonAsync())["items"]!.AsArray().Select(item => item!)];
    }

    private AuthApiApplication Start() => new(settings: new() { ["ConnectionStrings:Auth"] = $"Data Source={DatabaseFile}" });

    // Moved on until it is done, as the drain may come to wait for the clock a little later than this.
    private async Task DrainAsync() => await Assert.ThatAsync(
        async () =>
        {
            _application.Time.Advance(TimeSpan.FromSeconds(1));
            var rows = await CountAsync();
            return rows.EndedSessions + rows.AuditJournal;
        },
        Is.Zero.After(30_000, 20));

    private async Task<Rows> CountAsync()
    {
        await using var connection = await OpenAsync();
        await using var command = new SqliteCommand(
            """
            SELECT (SELECT count(*) FROM EndedSessions), (SELECT count(*) FROM AuditJournal), (SELECT count(*) FROM UserSessions),
                (SELECT count(*) FROM LiveSessions), (SELECT count(*) FROM AuditEntries)
            """,
            connection);
        await using var row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        return new Rows(row.GetInt32(0), row.GetInt32(1), row.GetInt32(2), row.GetInt32(3), row.GetInt32(4));
    }

    private async Task ExecuteAsync([ConstantExpected] string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new SqliteCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<SqliteConnection> OpenAsync()
    {
        var connection = new SqliteConnection($"Data Source={DatabaseFile};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    private sealed record Rows(int EndedSessions, int AuditJournal, int UserSessions, int LiveSessions, int AuditEntries);
}
