using System.Globalization;
using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Npgsql;

namespace AuthApi.Tests.Storage;

/// <summary>
/// Two nodes of the program, as processes: while one ends a session, requests with it are under way on the other. The first user's calls all go through nginx, to
/// whichever node has its turn.
/// </summary>
/// <remarks>Sessions are written into the database with tokens that the test knows, as a login costs a hash. Each is used on both nodes before it ends.</remarks>
[NonParallelizable]
internal sealed class NodeRaceTests
{
    private const int Users = 8;
    private const int ClientsOfB = 2;

    // Of each end, in the place of the numbers below.
    private static readonly int? AskedRounds = int.TryParse(Environment.GetEnvironmentVariable("AUTHAPI_TEST_ROUNDS"), CultureInfo.InvariantCulture, out var rounds) ? rounds : null;

    private readonly TemporaryFolder _folder = new();
    private readonly List<User> _users = [];
    private readonly SemaphoreSlim _administrator = new(1);
    private NpgsqlDataSource _database = null!;
    private RunningProgram _a = null!;
    private RunningProgram _b = null!;
    private Proxy _nginx = null!;
    private NginxClients _throughNginx = null!;
    private HttpClient _clientOfA = null!;
    private HttpClient _clientOfB = null!;
    private Browser _root = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var server = await PostgreSqlServer.SharedAsync();
        var connectionString = server.ConnectionString(await server.CreateDatabaseAsync());
        _database = NpgsqlDataSource.Create(connectionString);
        string[] settings = ["--Database:Provider=PostgreSql", $"--ConnectionStrings:Auth={connectionString}"];
        _a = await StartNodeAsync(settings);
        _b = await StartNodeAsync(settings);
        (_clientOfA, _clientOfB) = (ProxiedTo(_a), ProxiedTo(_b));
        _nginx = await Proxy.StartNodesAsync(_folder.Path, _a.Address, _b.Address);
        _throughNginx = new NginxClients(_nginx.Origin);

        var created = await RunningProgram.RunWithInputAsync(_folder.Path, Browser.Password, ["create-admin", "root@example.com", .. settings]);
        Assert.That(created.ExitCode, Is.Zero, created.Error);
        _root = new Browser(_clientOfA, SessionTransport.Header, isCopy: true);
        await _root.LogInAsync("root@example.com");
        for (var i = 0; i < Users; i++)
        {
            using var browser = new Browser(_clientOfA, isCopy: true);
            _users.Add(new User(i, await browser.RegisterAsync($"user{i}@example.com")));
        }
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        _root?.Dispose();
        _throughNginx?.Dispose();
        if (_nginx is not null)
        {
            await _nginx.DisposeAsync();
        }

        _clientOfA?.Dispose();
        _clientOfB?.Dispose();
        foreach (var node in new[] { _a, _b })
        {
            if (node is not null)
            {
                await node.DisposeAsync();
            }
        }

        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        _administrator.Dispose();
        _folder.Dispose();
    }

    [Test]
    public Task Nothing_is_accepted_after_a_logout_on_the_other_node([Values] SessionTransport transport) =>
        RaceAsync(rounds: 2_000, transport, (_, session) => session.Browser.LogOutAsync());

    [Test]
    public Task Nothing_is_accepted_after_a_revocation_by_id() =>
        RaceAsync(rounds: 160, SessionTransport.Cookie, (user, session) => user.Other.DeleteAsync($"/sessions/{session.Id}/"));

    [Test]
    public Task Nothing_is_accepted_after_a_logout_of_all_others() =>
        RaceAsync(rounds: 160, SessionTransport.Header, (user, _) => user.Other.LogOutAsync("others"));

    [Test]
    public Task Nothing_is_accepted_after_a_logout_of_all() =>
        RaceAsync(rounds: 160, SessionTransport.Cookie, (_, session) => session.Browser.LogOutAsync("all"));

    [Test]
    public Task Nothing_is_accepted_after_a_password_change() => RaceAsync(rounds: 48, SessionTransport.Cookie, async (user, _) =>
    {
        var (currentPassword, newPassword) = (user.Password, $"{Browser.Password} {++user.Passwords}");
        var response = await user.Other.PostAsync("/password/change/", new { currentPassword, newPassword });
        if (response.IsSuccessStatusCode)
        {
            user.Password = newPassword;
            user.Other.Token = (await response.JsonAsync())["sessionToken"]!.GetValue<string>();
        }

        return response;
    });

    [Test]
    public Task Nothing_is_accepted_after_an_account_is_disabled() => RaceAsync(
        rounds: 80,
        SessionTransport.Cookie,
        (user, _) => AdministerAsync(HttpMethod.Post, user, "disable"),
        after: user => AdministerAsync(HttpMethod.Post, user, "enable"));

    [Test]
    public Task Nothing_is_allowed_after_a_role_is_taken_away() => RaceAsync(
        rounds: 48,
        SessionTransport.Cookie,
        (user, _) => AdministerAsync(HttpMethod.Delete, user, "roles/Admin"),
        before: user => AdministerAsync(HttpMethod.Put, user, "roles/Admin"),
        path: "/admin/users/?limit=1",
        refused: HttpStatusCode.Forbidden);

    [Test]
    public async Task An_end_that_ends_nothing_is_found()
    {
        var race = new EndRace(HttpStatusCode.Unauthorized);
        var session = await NewSessionAsync(_users[1], SessionTransport.Cookie);
        using var onB = new Browser(_clientOfB, isCopy: true);
        onB.Cookies["__Host-session"] = session.Browser.Token;

        await race.RunAsync([onB.MeAsync], session.Browser.MeAsync);

        Assert.That(race.AcceptedAfter, Is.EqualTo(1));
    }

    private async Task RaceAsync(
        int rounds,
        SessionTransport transport,
        Func<User, Session, Task<HttpResponseMessage>> end,
        Func<User, Task<HttpResponseMessage>>? before = null,
        Func<User, Task<HttpResponseMessage>>? after = null,
        string path = "/me/",
        HttpStatusCode refused = HttpStatusCode.Unauthorized)
    {
        var race = new EndRace(refused);
        var each = Math.Max(1, (AskedRounds ?? rounds) / Users);
        await Task.WhenAll(_users.Select(user => Task.Run(async () =>
        {
            // Another session of the user, which may end the one of the round.
            user.Other = (await NewSessionAsync(user, SessionTransport.Header)).Browser;
            for (var round = 0; round < each; round++)
            {
                var session = await NewSessionAsync(user, transport);
                await SucceedAsync(before, user);
                var clients = Enumerable.Range(0, ClientsOfB).Select(_ => AskAsync(OnB(user, session.Browser, transport), path)).ToList();
                Assert.That(await AskAsync(session.Browser, path)(), Is.EqualTo(HttpStatusCode.OK), "it is cached on one node");
                Assert.That(await clients[0](), Is.EqualTo(HttpStatusCode.OK), "and on the other");

                await race.RunAsync(clients, () => SucceedAsync(one => end(one, session), user));

                await SucceedAsync(after, user);
            }
        })));

        race.Check(after: each * Users * ClientsOfB);
    }

    // One after the other. In the database they wait for each other, and eight of them on a busy machine for too long, which is a 503.
    private async Task<HttpResponseMessage> AdministerAsync(HttpMethod method, User user, string change)
    {
        await _administrator.WaitAsync();
        try
        {
            return await _root.SendAsync(method, $"/admin/users/{user.Id}/{change}/");
        }
        finally
        {
            _administrator.Release();
        }
    }

    private static Func<Task<HttpStatusCode>> AskAsync(Browser browser, string path) => async () =>
    {
        using var response = await browser.GetAsync(path);
        return response.StatusCode;
    };

    private static async Task SucceedAsync(Func<User, Task<HttpResponseMessage>>? call, User user)
    {
        if (call is not null)
        {
            using var response = await call(user);
            Assert.That(response.IsSuccessStatusCode, Is.True, await response.Content.ReadAsStringAsync());
        }
    }

    private Browser OnB(User user, Browser same, SessionTransport transport)
    {
        var browser = user.Number == 0 ? _throughNginx.NewBrowser(transport) : new Browser(_clientOfB, transport, isCopy: true);
        Give(browser, transport, same.Token);
        return browser;
    }

    private static void Give(Browser browser, SessionTransport transport, string token)
    {
        if (transport == SessionTransport.Header)
        {
            browser.Token = token;
        }
        else
        {
            browser.Cookies["__Host-session"] = token;
        }
    }

    // As if the user had just logged in.
    private async Task<Session> NewSessionAsync(User user, SessionTransport transport)
    {
        var (id, token) = (Guid.CreateVersion7(), SessionToken.Create());
        await using var command = _database.CreateCommand(
            """
            INSERT INTO "UserSessions" ("Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt", "AuthenticationMethods", "Transport", "RememberMe")
            VALUES ($1, $2, $3, $4, now(), now(), now() + interval '30 minutes', now() + interval '12 hours', now(), 'pwd', $5, false)
            """);
        foreach (var value in new object[] { token.Hash.Prefix, id, user.Id, token.Hash.ToArray(), transport.ToString() })
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync();
        var browser = user.Number == 0 ? _throughNginx.NewBrowser(transport) : new Browser(_clientOfA, transport, isCopy: true);
        Give(browser, transport, token.Reveal());
        return new Session(id, browser);
    }

    // As through a proxy that does the TLS. Its connections are kept.
    private static HttpClient ProxiedTo(RunningProgram node)
    {
        var client = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = node.Address };
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        return client;
    }

    private Task<RunningProgram> StartNodeAsync(string[] settings) => RunningProgram.StartAsync(
        _folder.Path,
        new Launch(Environment: new Dictionary<string, string> { ["ASPNETCORE_ENVIRONMENT"] = "Production" }),
        [.. settings, "--ForwardedHeaders:KnownProxies=127.0.0.1", "--AllowedHosts=*"]);

    /// <summary>A user of the test, one at a time of whose sessions ends.</summary>
    private sealed class User(int number, int id)
    {
        public int Number => number;

        public int Id => id;

        public string Password { get; set; } = Browser.Password;

        public int Passwords { get; set; }

        public Browser Other { get; set; } = null!;
    }

    private sealed record Session(Guid Id, Browser Browser);
}
