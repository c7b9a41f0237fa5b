using System.Diagnostics;
using System.Globalization;
using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Storage;

/// <summary>
/// Two nodes of the program, as processes, on one PostgreSQL server: what one has acknowledged holds on the other, whatever becomes of either. A ledger of each
/// acknowledged login and logout is checked on both after each fault.
/// </summary>
[NonParallelizable]
internal sealed class NodesTests
{
    private const int Sessions = 60;
    private const int ReaderCount = 6;

    // Of an administrator's ends, which are logins too: or as many as the environment says.
    private static readonly int Rounds = int.TryParse(Environment.GetEnvironmentVariable("AUTHAPI_TEST_ROUNDS"), CultureInfo.InvariantCulture, out var rounds) ? rounds : 20;

    private static readonly TimeSpan Stop = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(3);

    // nginx waits four seconds for a node that is stopped.
    private static readonly TimeSpan MaxWaitBehindNginx = TimeSpan.FromSeconds(6);

    private readonly TemporaryFolder _folder = new();
    private PostgreSqlServer _server = null!;
    private CutProxy _way = null!;
    private string _database = null!;
    private RunningProgram _a = null!;
    private RunningProgram _b = null!;

    [OneTimeSetUp]
    public async Task StartNodesAsync()
    {
        _server = await PostgreSqlServer.StartAsync();
        _database = await _server.CreateDatabaseAsync();
        _way = new CutProxy(_server.Port);
        _a = await StartAsync(_server.Port);
        _b = await StartAsync(_way.Port);
    }

    [OneTimeTearDown]
    public async Task EndNodesAsync()
    {
        foreach (var node in new[] { _a, _b })
        {
            if (node is not null)
            {
                await node.DisposeAsync();
            }
        }

        _way?.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Test]
    public async Task Behind_nginx_a_logout_on_one_node_is_final_on_the_other()
    {
        await using var nginx = await Proxy.StartNodesAsync(_folder.Path, _a.Address, _b.Address);
        using var clients = new NginxClients(nginx.Origin);
        var ledger = new Ledger(clients.NewBrowser, () => ProxiedTo(_a), () => ProxiedTo(_b)) { NodesFail = true };
        await ledger.SignUpAsync();

        for (var round = 0; round < 50; round++)
        {
            // nginx gives each request to the node whose turn it is: all three take part on both sides.
            using var browser = clients.NewBrowser();
            await browser.LogInAsync("user0@example.com");
            var onNodes = new[] { _a, _b }.Select(node => Same(browser, ProxiedTo(node))).ToArray();
            Assert.That(await Task.WhenAll(onNodes.Select(node => node.MeAsync())), Is.All.EqualTo(HttpStatusCode.OK));

            using var copy = Same(browser, clients.NewBrowser());
            using var logout = await browser.LogOutAsync();

            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await Task.WhenAll(onNodes.Append(copy).Select(node => node.MeAsync())), Is.All.EqualTo(HttpStatusCode.Unauthorized));
            foreach (var node in onNodes)
            {
                node.Dispose();
            }
        }

        await ledger.RunAsync(Sessions, _b.KillAsync);
        Assert.That(ledger.AcknowledgedLogouts, Is.Positive);
        using (var survivor = clients.NewBrowser())
        {
            await survivor.LogInAsync("user0@example.com");
            Assert.That(await survivor.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "by the node that is left");
        }

        await _b.DisposeAsync();
        _b = await StartAsync(_way.Port);
        await ledger.CheckAsync();
    }

    [Test]
    public async Task A_node_that_is_stopped_for_a_while_accepts_nothing_that_ended()
    {
        var ledger = await NewLedgerAsync("stopped");
        var (ended, live) = (await LogInAsync(count: 20), await LogInAsync(count: ReaderCount));
        Assert.That(await StatusesAsync(ended, _a), Is.All.EqualTo(HttpStatusCode.OK), "it has cached them");
        await using var nginx = await Proxy.StartNodesAsync(_folder.Path, _a.Address, _b.Address);
        using var clients = new NginxClients(nginx.Origin);
        await using var readers = await ReadAsync(live, clients);

        Task<HttpStatusCode[]> asked = null!;
        await ledger.RunAsync(Sessions, async () =>
        {
            await _a.SignalAsync("STOP");
            try
            {
                var stopped = Task.Delay(Stop);
                Assert.That(await LogOutAsync(ended, _b), Is.All.EqualTo(HttpStatusCode.OK));
                asked = StatusesAsync(ended, _a);
                await AssertServedAsync(clients, readers, ended);
                await stopped;
                Assert.That(asked.IsCompleted, Is.False);
            }
            finally
            {
                await _a.SignalAsync("CONT");
            }
        });

        Assert.That(await asked, Is.All.EqualTo(HttpStatusCode.Unauthorized));
        await ledger.CheckAsync();
        Assert.That(ledger.AcknowledgedLogouts, Is.Positive);
    }

    [Test]
    public async Task A_node_cut_off_from_the_database_answers_503_while_the_other_works()
    {
        var ledger = await NewLedgerAsync("cut");
        var (ended, live) = (await LogInAsync(count: 10), await LogInAsync(count: ReaderCount));
        var onB = ended.Concat(live).Select(token => With(token, ProxiedTo(_b))).ToList();
        Assert.That(await Task.WhenAll(onB.Select(browser => browser.MeAsync())), Is.All.EqualTo(HttpStatusCode.OK), "it has cached them");
        await using var nginx = await Proxy.StartNodesAsync(_folder.Path, _a.Address, _b.Address);
        using var clients = new NginxClients(nginx.Origin);
        await using var readers = await ReadAsync(live, clients);

        await ledger.RunAsync(Sessions, async () =>
        {
            _way.Cut();
            try
            {
                Assert.That(await LogOutAsync(ended, _a), Is.All.EqualTo(HttpStatusCode.OK));
                Assert.That(await StatusesAsync(live, _a), Is.All.EqualTo(HttpStatusCode.OK));
                await AssertServedAsync(clients, readers, ended);
                await Task.WhenAll(onB.Select(async browser =>
                {
                    var began = Stopwatch.GetTimestamp();
                    Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.ServiceUnavailable));
                    Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(MaxWait));
                }));
            }
            finally
            {
                _way.Mend();
            }
        });

        Assert.That(() => StatusesAsync(live, _b).Result, Is.All.EqualTo(HttpStatusCode.OK).After(10_000, 50));
        Assert.That(await StatusesAsync(ended, _b), Is.All.EqualTo(HttpStatusCode.Unauthorized));
        onB.ForEach(browser => browser.Dispose());
        await ledger.CheckAsync();
        Assert.That(ledger.AcknowledgedLogouts, Is.Positive);
    }

    [Test]
    public async Task What_an_administrator_ends_on_one_node_is_over_on_the_other()
    {
        var created = await RunningProgram.RunWithInputAsync(_folder.Path, Browser.Password, ["create-admin", "root@example.com", .. Settings(_server.Port)]);
        Assert.That(created.ExitCode, Is.Zero, created.Error);
        using var root = ProxiedTo(_a);
        await root.LogInAsync("root@example.com");
        using var eve = ProxiedTo(_a);
        var id = await eve.RegisterAsync("eve@example.com");
        var user = $"/admin/users/{id}/";

        for (var round = 0; round < Rounds; round++)
        {
            await DoAsync(HttpMethod.Put, user + "roles/Admin/");
            await IsOverAsync("/admin/users/", HttpStatusCode.Forbidden, () => DoAsync(HttpMethod.Delete, user + "roles/Admin/"));
            await IsOverAsync("/me/", HttpStatusCode.Unauthorized, () => DoAsync(HttpMethod.Delete, user + "sessions/"));
            await IsOverAsync("/me/", HttpStatusCode.Unauthorized, () => DoAsync(HttpMethod.Post, user + "disable/"));
            await DoAsync(HttpMethod.Post, user + "enable/");
        }

        async Task DoAsync(HttpMethod method, string path)
        {
            using var response = await root.SendAsync(method, path);
            Assert.That(response.IsSuccessStatusCode, Is.True, await response.Content.ReadAsStringAsync());
        }

        async Task IsOverAsync(string path, HttpStatusCode status, Func<Task> end)
        {
            using var onA = ProxiedTo(_a);
            await onA.LogInAsync("eve@example.com");
            using var onB = Same(onA, ProxiedTo(_b));
            using var before = await onB.GetAsync(path);
            Assert.That(before.StatusCode, Is.EqualTo(HttpStatusCode.OK), "it has cached the session");
            await end();
            using var after = await onB.GetAsync(path);
            Assert.That(after.StatusCode, Is.EqualTo(status));
        }
    }

    // Behind nginx, while one node is of no use.
    private static async Task AssertServedAsync(NginxClients clients, Readers readers, List<string> ended)
    {
        await readers.GetAnswersAsync(each: 50, MaxWaitBehindNginx);
        Assert.That(readers.Answers.Select(answer => answer.Status), Is.All.EqualTo(HttpStatusCode.OK));
        foreach (var token in ended)
        {
            using var copy = With(token, clients.NewBrowser());
            Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
            using var browser = clients.NewBrowser();
            await browser.LogInAsync();
            Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
            using var logout = await browser.LogOutAsync();
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }
    }

    private static async Task<Readers> ReadAsync(List<string> tokens, NginxClients clients)
    {
        var readers = new Readers([.. tokens.Select(token => With(token, clients.NewBrowser()))]);
        await readers.GetAnswersAsync(each: 10, MaxWait);
        return readers;
    }

    private async Task<Ledger> NewLedgerAsync(string name)
    {
        var ledger = new Ledger(() => ProxiedTo(_a), () => ProxiedTo(_b)) { NodesFail = true, Name = name };
        await ledger.SignUpAsync();
        return ledger;
    }

    private async Task<List<string>> LogInAsync(int count)
    {
        var tokens = new List<string>();
        for (var i = 0; i < count; i++)
        {
            using var browser = ProxiedTo(_a);
            if (i == 0)
            {
                using var registration = await browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password });
            }

            await browser.LogInAsync();
            tokens.Add(browser.Token);
        }

        return tokens;
    }

    private static Task<HttpStatusCode[]> StatusesAsync(List<string> tokens, RunningProgram node) => Task.WhenAll(tokens.Select(async token =>
    {
        using var browser = With(token, ProxiedTo(node));
        return await browser.MeAsync();
    }));

    private static Task<HttpStatusCode[]> LogOutAsync(List<string> tokens, RunningProgram node) => Task.WhenAll(tokens.Select(async token =>
    {
        using var browser = With(token, ProxiedTo(node));
        using var response = await browser.LogOutAsync();
        return response.StatusCode;
    }));

    private static Browser With(string token, Browser browser)
    {
        browser.Cookies["__Host-session"] = token;
        return browser;
    }

    private static Browser Same(Browser browser, Browser other) => With(browser.Token, other);

    // As through a proxy that does the TLS.
    private static Browser ProxiedTo(RunningProgram node)
    {
        var client = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = node.Address };
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        return new Browser(client);
    }

    private Task<RunningProgram> StartAsync(int port) => RunningProgram.StartAsync(
        _folder.Path,
        new Launch(Environment: new Dictionary<string, string> { ["ASPNETCORE_ENVIRONMENT"] = "Production" }),
        [.. Settings(port), "--ForwardedHeaders:KnownProxies=127.0.0.1", "--Sessions:MaxPerUser=1000", "--AllowedHosts=*"]);

    private string[] Settings(int port) =>
    [
        "--Database:Provider=PostgreSql",
        $"--ConnectionStrings:Auth={_server.ConnectionString(_database).Replace($"Port={_server.Port}", $"Port={port}", StringComparison.Ordinal)}",
    ];
}
