using System.Diagnostics;
using System.Net;
using AuthApi.Sessions.PostgreSql;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace AuthApi.Sessions.Tests;

/// <summary>A PostgreSQL server that is stopped, hangs, refuses or makes wait: 503 within three seconds, the cookie kept, and back within one.</summary>
[NonParallelizable]
internal sealed class PostgreSqlOutOfReachTests
{
    private const int MaxConnections = 120;

    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan MaxReturn = TimeSpan.FromSeconds(1);

    private PostgreSqlServer _server = null!;
    private string _database = null!;
    private StockApplication _application = null!;

    public enum Fault
    {
        Stopped,
        Hung,
        Refusing,
        Locked,
    }

    [OneTimeSetUp]
    public async Task StartServerAsync() => _server = await PostgreSqlServer.StartAsync($"max_connections={MaxConnections}");

    [OneTimeTearDown]
    public async Task EndServerAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    [SetUp]
    public async Task SetUp()
    {
        _database = await StockApplication.CreateDatabaseAsync(_server);
        _application = await StartNodeAsync();
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task A_fault_is_a_503_in_time_and_the_session_lives_on([Values] Fault fault)
    {
        using var cached = await _application.NewLoggedInBrowserAsync();
        using var stored = await _application.NewLogInAsync();
        Assert.That(await cached.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        var undo = await BeginAsync(fault);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, 10).Select(async i =>
            {
                await IsUnavailableAsync(() => cached.GetAsync("/me/"));
                await IsUnavailableAsync(() => stored.Copy().GetAsync("/me/"));
                await IsUnavailableAsync(() => cached.Copy().LogOutAsync());
            }));
        }
        finally
        {
            await undo();
        }

        await IsBackAsync(async () => await cached.MeAsync() == HttpStatusCode.OK && await stored.MeAsync() == HttpStatusCode.OK);

        // Nothing is used up: as many as before are served at once.
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            using var browser = await _application.NewLoggedInBrowserAsync($"user{i}@example.com");
            using var logout = await browser.LogOutAsync();
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }));
    }

    [Test]
    public async Task A_login_is_a_503_in_time_without_a_cookie([Values] Fault fault)
    {
        using var browser = _application.NewBrowser();
        await browser.SignUpAsync();

        var undo = await BeginAsync(fault);
        try
        {
            await IsUnavailableAsync(() => browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password }));
        }
        finally
        {
            await undo();
        }

        await IsBackAsync(async () =>
        {
            using var response = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
            return response.StatusCode == HttpStatusCode.OK;
        });
    }

    [Test]
    public async Task Those_who_ask_whether_a_hung_server_answers_share_a_wait()
    {
        var connections = _application.Services.GetRequiredService<PostgreSqlConnections>();
        await connections.EnsureAnsweringAsync();
        await _server.SuspendAsync();
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50));
            var began = Stopwatch.GetTimestamp();
            var asked = Enumerable.Range(0, MaxConnections * 2).Select(_ => connections.EnsureAnsweringAsync()).ToList();
            foreach (var one in asked)
            {
                Assert.That(async () => await one, Throws.TypeOf<StoreUnavailableException>());
            }

            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(MaxWait));
        }
        finally
        {
            await _server.ResumeAsync();
        }

        Assert.That(connections.EnsureAnsweringAsync, Throws.Nothing.After(5_000, 20));
    }

    [Test]
    public async Task A_node_that_vanishes_keeps_its_locks_for_ten_seconds()
    {
        var connections = _application.Services.GetRequiredService<PostgreSqlConnections>();
        await using var command = connections.DataSource.CreateCommand("SHOW idle_in_transaction_session_timeout");
        Assert.That(await command.ExecuteScalarAsync(), Is.EqualTo("10s"));
    }

    [Test]
    public async Task Without_free_connections_who_is_signed_in_is_served()
    {
        // A node has had the connections of the shared statements since its start, also that of ends, which nobody has asked for yet.
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var leaving = await _application.NewLogInAsync();
        Assert.That((await browser.MeAsync(), await leaving.MeAsync()), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)));

        var taken = await TakeConnectionsAsync();

        // More than the connections that the node has open can serve: the others want a new one.
        var logins = Task.WhenAll(Enumerable.Range(0, 30).Select(_ => LogInAsync()));
        do
        {
            Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        }
        while (!logins.IsCompleted);

        Assert.That((await logins).Select(login => login.Status), Does.Contain(HttpStatusCode.ServiceUnavailable));
        using (var logout = await leaving.LogOutAsync())
        {
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        Assert.That((await leaving.MeAsync(), await browser.MeAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.OK)));

        foreach (var connection in taken)
        {
            await connection.DisposeAsync();
        }

        await IsBackAsync(async () => await LogInAsync() is (HttpStatusCode.OK, _));
        foreach (var (status, other) in await logins)
        {
            Assert.That(await other.MeAsync(), Is.EqualTo(status == HttpStatusCode.OK ? HttpStatusCode.OK : HttpStatusCode.Unauthorized), "either answer is true");
            other.Dispose();
        }

        async Task<(HttpStatusCode Status, Browser Browser)> LogInAsync()
        {
            var began = Stopwatch.GetTimestamp();
            var other = _application.NewBrowser();
            using var response = await other.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(MaxWait));
            if (response.StatusCode != HttpStatusCode.OK)
            {
                await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
                Assert.That(response.SetCookies(), Is.Empty);
            }

            return (response.StatusCode, other);
        }
    }

    [Test]
    public async Task A_restart_between_two_requests_is_not_seen()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        await _server.StopAsync();
        await _server.StartAgainAsync();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task What_was_acknowledged_survives_a_server_killed_under_load([Values] bool isKilled)
    {
        await using var other = await StartNodeAsync();
        var ledger = new Ledger(() => _application.NewBrowser(), () => other.NewBrowser());
        await ledger.SignUpAsync();
        for (var round = 0; round < 5; round++)
        {
            await ledger.RunAsync(sessions: 60, () => isKilled ? _server.KillAsync() : _server.StopAsync());
            await _server.StartAgainAsync();
        }

        Assert.That(ledger.AcknowledgedLogouts, Is.GreaterThan(100));
        await ledger.CheckAsync();
    }

    private Task<StockApplication> StartNodeAsync() => StockApplication.StartAsync(AppSetup.WithExceptionHandler with
    {
        Store = TestedStore.PostgreSql,
        Options = options => options.MaxPerUser = 1_000,

        // As the page on the store says: the limits of the application's own connections.
        ConnectionString = _server.ConnectionString(_database) + ";Timeout=1;Command Timeout=1;Cancellation Timeout=-1",
    });

    private static async Task IsUnavailableAsync(Func<Task<HttpResponseMessage>> request)
    {
        var began = Stopwatch.GetTimestamp();
        using var response = await request();
        var elapsed = Stopwatch.GetElapsedTime(began);
        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(response.SetCookies(), Is.Empty);
        Assert.That(elapsed, Is.LessThan(MaxWait));
    }

    private static async Task IsBackAsync(Func<Task<bool>> request)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var isBack = await request();
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(MaxReturn));
            if (isBack)
            {
                return;
            }

            await Task.Delay(10);
        }
    }

    /// <returns>What ends it.</returns>
    private async Task<Func<Task>> BeginAsync(Fault fault)
    {
        switch (fault)
        {
            case Fault.Stopped:
                await _server.StopAsync();
                return _server.StartAgainAsync;
            case Fault.Hung:
                await _server.SuspendAsync();
                return _server.ResumeAsync;
            case Fault.Refusing:
                await _server.ExecuteAsync("postgres", $"ALTER DATABASE \"{_database}\" ALLOW_CONNECTIONS false");
                await _server.ExecuteAsync("postgres", $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{_database}'");
                return () => _server.ExecuteAsync("postgres", $"ALTER DATABASE \"{_database}\" ALLOW_CONNECTIONS true");
            default:
                var connection = new NpgsqlConnection(_server.ConnectionString(_database) + ";Pooling=false");
                await connection.OpenAsync();
                var transaction = await connection.BeginTransactionAsync();
                await using (var command = new NpgsqlCommand("""LOCK TABLE "UserSessions" IN ACCESS EXCLUSIVE MODE""", connection, transaction))
                {
                    await command.ExecuteNonQueryAsync();
                }

                return async () => await connection.DisposeAsync();
        }
    }

    private async Task<List<NpgsqlConnection>> TakeConnectionsAsync()
    {
        var taken = new List<NpgsqlConnection>();
        while (true)
        {
            var connection = new NpgsqlConnection(_server.ConnectionString(_database) + ";Pooling=false");
            try
            {
                await connection.OpenAsync();
                taken.Add(connection);
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.TooManyConnections)
            {
                await connection.DisposeAsync();
                return taken;
            }
        }
    }
}
