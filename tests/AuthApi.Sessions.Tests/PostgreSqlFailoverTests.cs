using System.Diagnostics;
using System.Net;
using Npgsql;

namespace AuthApi.Sessions.Tests;

/// <summary>The primary is killed and its standby takes over: nothing that was acknowledged is lost where it is synchronous, and what was not sent where it is not.</summary>
[NonParallelizable]
internal sealed class PostgreSqlFailoverTests
{
    [Test]
    public async Task What_was_acknowledged_survives_a_failover_to_a_synchronous_standby()
    {
        await using var primary = await PostgreSqlServer.StartAsync();
        var database = await StockApplication.CreateDatabaseAsync(primary);
        await using var standby = await primary.StartStandbyAsync();
        await primary.ExecuteAsync("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        await primary.ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        while ((await primary.QueryAsync("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"))[0] != "1")
        {
            await Task.Delay(20);
        }

        var connectionString = BothOf(primary, standby, database);
        await using var a = await StartNodeAsync(connectionString);
        await using var b = await StartNodeAsync(connectionString);
        var ledger = new Ledger(() => a.NewBrowser(), () => b.NewBrowser());
        await ledger.SignUpAsync();

        await ledger.RunAsync(sessions: 300, primary.KillAsync);
        await standby.PromoteAsync();
        await IsBackAsync(a);
        await IsBackAsync(b);

        Assert.That(ledger.AcknowledgedLogouts, Is.GreaterThan(100));
        await ledger.CheckAsync();
        await ledger.RunAsync(sessions: 100, () => Task.CompletedTask);
        await ledger.CheckAsync();
    }

    [Test]
    public async Task An_asynchronous_standby_revives_what_ended_in_its_delay()
    {
        await using var primary = await PostgreSqlServer.StartAsync();
        var database = await StockApplication.CreateDatabaseAsync(primary);
        await using var standby = await primary.StartStandbyAsync();
        await using var node = await StartNodeAsync(BothOf(primary, standby, database));
        var before = new Ledger(() => node.NewBrowser());
        await before.SignUpAsync();
        await before.RunAsync(sessions: 50, () => Task.CompletedTask);
        var ended = await LogInAsync(node, count: 10);

        // What has arrived at the standby stays; what the primary acknowledges from now on does not arrive.
        while ((await primary.QueryAsync("postgres", "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"))[0] != "1")
        {
            await Task.Delay(20);
        }

        await standby.ExecuteAsync("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
        await standby.ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        while ((await primary.QueryAsync("postgres", "SELECT count(*) FROM pg_stat_replication"))[0] != "0")
        {
            await Task.Delay(20);
        }

        foreach (var browser in ended)
        {
            using var logout = await browser.Copy().LogOutAsync();
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        var started = await LogInAsync(node, count: 10);
        await primary.KillAsync();
        await standby.PromoteAsync();
        await IsBackAsync(node);

        await before.CheckAsync();
        Assert.That(await StatusesAsync(ended), Is.All.EqualTo(HttpStatusCode.OK), "logouts are lost, and their sessions live again");
        Assert.That(await StatusesAsync(started), Is.All.EqualTo(HttpStatusCode.Unauthorized), "logins are lost");

        // As the page on operation says.
        await standby.ExecuteAsync(database, """DELETE FROM "UserSessions" """);
        Assert.That(await StatusesAsync(ended), Is.All.EqualTo(HttpStatusCode.Unauthorized));
        foreach (var browser in ended.Concat(started))
        {
            browser.Dispose();
        }
    }

    private static async Task<List<Browser>> LogInAsync(StockApplication node, int count)
    {
        var browsers = new List<Browser>();
        for (var i = 0; i < count; i++)
        {
            browsers.Add(await node.NewLogInAsync("user0@example.com"));
        }

        return browsers;
    }

    private static async Task<List<HttpStatusCode>> StatusesAsync(List<Browser> browsers)
    {
        var statuses = new List<HttpStatusCode>();
        foreach (var browser in browsers)
        {
            statuses.Add(await browser.MeAsync());
        }

        return statuses;
    }

    private static string BothOf(PostgreSqlServer primary, PostgreSqlServer standby, string database) => new NpgsqlConnectionStringBuilder(primary.ConnectionString(database))
    {
        Host = $"127.0.0.1:{primary.Port},127.0.0.1:{standby.Port}",
        TargetSessionAttributes = "primary",
        HostRecheckSeconds = 1,
        Timeout = 1,
        CommandTimeout = 1,
        CancellationTimeout = -1,
    }.ConnectionString;

    private static Task<StockApplication> StartNodeAsync(string connectionString) => StockApplication.StartAsync(AppSetup.WithExceptionHandler with
    {
        Store = TestedStore.PostgreSql,
        Options = options => options.MaxPerUser = 1_000,
        ConnectionString = connectionString,
    });

    private static async Task IsBackAsync(StockApplication node)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            using var browser = node.NewBrowser();
            using var login = await browser.PostAsync("/login/", new { email = "user0@example.com", password = Browser.Password });
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(3)));
            if (login.StatusCode == HttpStatusCode.OK)
            {
                return;
            }

            await Task.Delay(10);
        }
    }
}
