using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using AuthApi.FaultTests.Harness;
using Npgsql;

namespace AuthApi.FaultTests;

/// <summary>The database is held, gone or unreachable under load: slower, or 503 within three seconds, never a wrong 401, and back within a second of its return.</summary>
[NonParallelizable]
internal sealed class StoreOutOfReachTests
{
    private const int Connections = 16;
    private const int People = 4;
    private const int Probes = 100;
    private const int Crowd = 100;
    private const string NoConnection = "no connection left";

    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(3);

    // Who was refused asks again after this time.
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(50);

    // Two at once, each with a server and a program of its own: of those that answer nothing, and of those that refuse at once.
    private static readonly string[][] Outages = [["hung", "dropped packets"], ["stopped", NoConnection]];

    [Test]
    public async Task A_lock_of_a_second_only_delays()
    {
        await using var database = new SqliteDatabase();
        using var ledger = new Ledger(database.Folder);
        await using var program = await database.StartAsync();
        var tokens = await database.LogInAsync(program, ledger, Connections * 20);
        using var load = new Load(program.Address, ledger);
        Task logouts;
        await using (await database.LockAsync())
        {
            logouts = load.LogOutAsync(new ConcurrentQueue<string>(tokens), Connections, CancellationToken.None);
            await Task.Delay(TimeSpan.FromSeconds(1));
            Assert.That(load.Answers, Is.Empty, "they wait");
        }

        await logouts;
        Assert.That(load.Answers, Is.All.EqualTo(HttpStatusCode.OK));
        await ledger.CheckAsync(program.Address);
    }

    [Test]
    public async Task A_lock_that_is_kept_is_a_503_and_reads_go_on()
    {
        await using var database = new SqliteDatabase();
        using var ledger = new Ledger(database.Folder);
        await using var program = await database.StartAsync();
        var tokens = await database.LogInAsync(program, ledger, 200);
        using var load = new Load(program.Address, ledger);
        var (reads, began) = (new List<TimeSpan>(), Stopwatch.GetTimestamp());
        await using (await database.LockAsync())
        {
            var writes = ShouldBeUnavailableAsync(load, [.. tokens.Skip(1)], () => Stopwatch.GetElapsedTime(began) < Extent.Lock);
            while (!writes.IsCompleted)
            {
                var read = Stopwatch.GetTimestamp();
                using var me = await load.SendAsync(tokens[0], HttpMethod.Get, "/me/");
                Assert.That(me.StatusCode, Is.EqualTo(HttpStatusCode.OK));
                reads.Add(Stopwatch.GetElapsedTime(read));
                await Task.Delay(10);
            }

            await writes;
        }

        await ShouldServeSoonAsync(load, tokens[^1]);
        reads.Sort();
        Assert.That(reads[reads.Count * 99 / 100], Is.LessThan(TimeSpan.FromMilliseconds(50)), "p99 of the reads");
        await ledger.CheckAsync(program.Address);
    }

    [TestCaseSource(nameof(Outages))]
    public Task PostgreSql_out_of_reach_is_a_503_and_comes_back(string one, string other) => Task.WhenAll(ShouldComeBackAsync(one), ShouldComeBackAsync(other));

    private static async Task ShouldComeBackAsync(string outage)
    {
        await using var database = await PostgreSqlDatabase.CreateAsync("max_connections=60", "superuser_reserved_connections=3");
        using var proxy = new CutProxy(database.Server.Port);
        using var ledger = new Ledger(database.Folder);

        // As an operator does who lets others connect to the same server.
        var connection = new NpgsqlConnectionStringBuilder(database.Server.ConnectionString("postgres")) { Port = proxy.Port, MaxPoolSize = 20 }.ConnectionString;
        await using var program = await RunningProgram.StartAsync(database.Folder, PostgreSqlDatabase.SettingsFor(connection));
        var tokens = await database.LogInAsync(program, ledger, 3_000);
        var (probes, crowd) = (tokens.Take(Probes).ToList(), tokens.Skip(Probes).Take(Crowd).ToList());
        using var load = new Load(program.Address, ledger);
        using (var grace = program.NewBrowser())
        {
            await grace.RegisterAsync("grace@example.com");
        }

        using var ending = new CancellationTokenSource();
        using var outageEnding = new CancellationTokenSource();
        var waiting = new ConcurrentQueue<string>(tokens.Skip(Probes + Crowd));
        var stream = load.LogOutAsync(waiting, Connections, ending.Token, Again);

        // Logins would take connections as fast as the test does.
        var logins = Enumerable.Range(0, outage == NoConnection ? 0 : People).Select(_ => LogInAgainAndAgainAsync(program, outageEnding.Token)).ToArray();
        while (load.Answers.Count < 200)
        {
            await Task.Delay(1);
        }

        await using (await BeginAsync(outage, database.Server, proxy))
        {
            var began = Stopwatch.GetTimestamp();
            var waited = await ShouldBeUnavailableAsync(load, probes[1..], () => Stopwatch.GetElapsedTime(began) < Extent.Outage, outage);
            await outageEnding.CancelAsync();
            var login = (await Task.WhenAll(logins)).DefaultIfEmpty().Max();
            await TestContext.Out.WriteLineAsync($"{outage}: 503 after at most {waited.TotalMilliseconds:F0} ms, {login.TotalMilliseconds:F0} ms for a login.");
            Assert.That(login, Is.LessThan(MaxWait), outage);
            using var live = await load.SendAsync(probes[0], HttpMethod.Get, "/health/live");
            Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK), "no thread is missing");
        }

        var left = waiting.Count;
        var back = await ShouldServeSoonAsync(load, probes[0]);
        await TestContext.Out.WriteLineAsync($"{outage}: it serves {back.TotalMilliseconds:F0} ms after the return, beside {left} logouts that wait for it.");
        Assert.That(left, Is.GreaterThan(Connections), "others ask at the return");
        await ending.CancelAsync();
        await stream;
        await TestContext.Out.WriteLineAsync($"{outage}: the slowest logout of all took {load.Slowest.TotalMilliseconds:F0} ms.");
        Assert.That(load.Answers, Is.All.AnyOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable));
        Assert.That(load.Slowest, Is.LessThan(MaxWait), "those under way when it began too");
        await ledger.CheckAsync(program.Address);
        var answers = await Task.WhenAll(crowd.Select(token => load.EndAsync(token, HttpMethod.Post, "/logout/")));
        Assert.That(answers, Has.Length.EqualTo(Crowd).And.All.EqualTo(HttpStatusCode.OK), "no connection is missing in the pool");
    }

    // The longest wait. Those that wait for a connection when the outage begins are among them.
    private static async Task<TimeSpan> LogInAgainAndAgainAsync(RunningProgram program, CancellationToken ending)
    {
        var max = TimeSpan.Zero;
        while (!ending.IsCancellationRequested)
        {
            using var browser = program.NewBrowser();
            var sent = Stopwatch.GetTimestamp();
            using var login = await browser.PostAsync("/login/", new { email = "grace@example.com", password = Browser.Password });
            var waited = Stopwatch.GetElapsedTime(sent);
            Assert.That(login.StatusCode, Is.AnyOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable), await login.Content.ReadAsStringAsync(CancellationToken.None));
            max = waited > max ? waited : max;
            await Task.Delay(20, CancellationToken.None);
        }

        return max;
    }

    private static async Task<IAsyncDisposable> BeginAsync(string outage, PostgreSqlServer server, CutProxy proxy)
    {
        switch (outage)
        {
            case "stopped":
                await server.StopAsync();
                return new End(() => server.StartAgainAsync());
            case "hung":
                await server.SuspendAsync();
                return new End(() => server.ResumeAsync());
            case "dropped packets":
                proxy.Cut();
                return new End(() =>
                {
                    proxy.Mend();
                    return Task.CompletedTask;
                });
            default:
                return await TakeConnectionsAsync(server);
        }
    }

    // All that the server has, those of the program too.
    private static async Task<IAsyncDisposable> TakeConnectionsAsync(PostgreSqlServer server)
    {
        var taken = new List<NpgsqlConnection>();
        var open = server.ConnectionString("postgres") + ";Pooling=false";
        for (var refused = false; !refused;)
        {
            var connection = new NpgsqlConnection(open);
            try
            {
                await connection.OpenAsync();
                taken.Add(connection);
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.TooManyConnections)
            {
                await connection.DisposeAsync();
                await using var admin = taken[0].CreateCommand();
                admin.CommandText = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> ALL(@own)";
                admin.Parameters.AddWithValue("own", taken.Select(one => one.ProcessID).ToArray());
                refused = await admin.ExecuteScalarAsync() is 0L;
            }
        }

        return new End(async () =>
        {
            foreach (var connection in taken)
            {
                await connection.DisposeAsync();
            }
        });
    }

    // Each of these is asked for until it was unavailable; an end that was not acknowledged may be either.
    private static async Task<TimeSpan> ShouldBeUnavailableAsync(Load load, List<string> tokens, Func<bool> goesOn, string outage = "locked")
    {
        var max = TimeSpan.Zero;
        for (var i = 0; goesOn(); i++)
        {
            var sent = Stopwatch.GetTimestamp();
            var status = await load.EndAsync(tokens[i % tokens.Count], HttpMethod.Post, "/logout/");
            var waited = Stopwatch.GetElapsedTime(sent);
            Assert.That(status, Is.EqualTo(HttpStatusCode.ServiceUnavailable), outage);
            Assert.That(waited, Is.LessThan(MaxWait), outage);
            max = waited > max ? waited : max;
        }

        return max;
    }

    private static async Task<TimeSpan> ShouldServeSoonAsync(Load load, string token)
    {
        var back = Stopwatch.GetTimestamp();
        HttpStatusCode? status;
        while ((status = await load.EndAsync(token, HttpMethod.Post, "/logout/")) != HttpStatusCode.OK)
        {
            Assert.That(status, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        }

        var elapsed = Stopwatch.GetElapsedTime(back);
        Assert.That(elapsed, Is.LessThan(TimeSpan.FromSeconds(1)), "it is back");
        return elapsed;
    }

    private sealed class End(Func<Task> action) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => new(action());
    }
}
