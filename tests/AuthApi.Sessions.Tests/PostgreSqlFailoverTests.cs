using System.Diagnostics;
using System.Net;
using Npgsql;

namespace AuthApi.Sessions.Tests;

/// <summary>The primary is killed under load and its synchronous standby takes over: nothing that was acknowledged is lost.</summary>
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

        var connectionString = new NpgsqlConnectionStringBuilder(primary.ConnectionString(database))
        {
            Host = $"127.0.0.1:{primary.Port},127.0.0.1:{standby.Port}",
            TargetSessionAttributes = "primary",
            HostRecheckSeconds = 1,
            Timeout = 1,
            CommandTimeout = 1,
            CancellationTimeout = -1,
        }.ConnectionString;
        await using var a = await StartNodeAsync(connectionString);
        await using var b = await StartNodeAsync(connectionString);
        var ledger = new Ledger(a, b);
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
            if (login.StatusCode == HttpStatusCode.OK)
            {
                return;
            }

            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(3)));
            await Task.Delay(10);
        }
    }
}
