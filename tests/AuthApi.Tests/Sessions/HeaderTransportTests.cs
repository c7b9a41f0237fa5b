using System.Net;
using System.Net.Sockets;
using System.Text;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Sessions;

/// <summary>What is peculiar to the token in a header; the stories that hold for both ways run for both.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class HeaderTransportTests(TestedStore store)
{
    private AuthApiApplication _application = null!;
    private Browser _phone = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _application = new AuthApiApplication(store: store);
        using var browser = _application.NewBrowser();
        await browser.RegisterAsync();
        await browser.RegisterAsync("bob@example.com");
    }

    [OneTimeTearDown]
    public async Task EndAsync() => await _application.DisposeAsync();

    [SetUp]
    public async Task LogInAsync()
    {
        _phone = _application.NewBrowser(transport: SessionTransport.Header);
        await _phone.LogInAsync();
    }

    [TearDown]
    public void LetGo() => _phone.Dispose();

    [Test]
    public async Task A_header_login_answers_the_token_and_sets_no_cookie()
    {
        using var phone = _application.NewBrowser();

        using var response = await phone.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password, transport = "header" });

        var json = await response.JsonAsync();
        Assert.That(json["sessionToken"]!.GetValue<string>(), Does.Match("^[A-Za-z0-9_-]{43}$"));
        Assert.That(json["session"]!["transport"]!.GetValue<string>(), Is.EqualTo("header"));
        Assert.That(response.SetCookies(), Is.Empty);
    }

    [Test]
    public async Task A_header_session_never_gets_a_cookie()
    {
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Get, "/me/"), (HttpMethod.Get, "/sessions/"), (HttpMethod.Get, "/me/activity/"), (HttpMethod.Post, "/logout/?scope=others"),
        })
        {
            using var response = await _phone.SendAsync(method, path);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(response.SetCookies(), Is.Empty, path);
        }

        await _phone.ReauthenticateAsync();
        using var logout = await _phone.LogOutAsync();
        Assert.That(logout.SetCookies(), Is.Empty);
        Assert.That(_phone.Cookies, Is.Empty);
    }

    [TestCase("Session T", HttpStatusCode.OK)]
    [TestCase("session T", HttpStatusCode.OK)]
    [TestCase("SESSION T", HttpStatusCode.OK)]
    [TestCase("SessionT", HttpStatusCode.Unauthorized)]
    [TestCase("Session T,", HttpStatusCode.Unauthorized)]
    [TestCase("Session T=", HttpStatusCode.Unauthorized)]
    [TestCase("Session \"T\"", HttpStatusCode.Unauthorized)]
    [TestCase("Session T T", HttpStatusCode.Unauthorized)]
    [TestCase("Session", HttpStatusCode.Unauthorized)]
    [TestCase("Session ", HttpStatusCode.Unauthorized)]
    [TestCase("T", HttpStatusCode.Unauthorized)]
    [TestCase("Bearer T", HttpStatusCode.Unauthorized)]
    [TestCase("Basic T", HttpStatusCode.Unauthorized)]
    [TestCase("Sessions T", HttpStatusCode.Unauthorized)]
    public async Task The_scheme_is_read_in_any_case_and_the_token_exactly(string header, HttpStatusCode status)
    {
        using var client = _application.NewBrowser();

        using var response = await client.SendAsync(
            HttpMethod.Get, "/me/",
            change: request => request.Headers.TryAddWithoutValidation("Authorization", header.Replace("T", _phone.Token, StringComparison.Ordinal)));

        Assert.That(response.StatusCode, Is.EqualTo(status));
        if (status == HttpStatusCode.Unauthorized)
        {
            await response.ShouldBeNotAuthenticatedAsync();
        }
    }

    [Test]
    public async Task One_or_more_spaces_separate_scheme_and_token()
    {
        // Over a raw socket: the client's own library would tidy the header up.
        await using var application = new AuthApiApplication(kestrel: true, store: store);
        using var phone = await application.NewLoggedInBrowserAsync(transport: SessionTransport.Header);
        foreach (var (header, status) in new[]
        {
            ("Session T", "200"),
            ("Session  T", "200"), // RFC 9110, 11.4: one or more spaces
            ("Session     T", "200"),
            ("Session\tT", "401"),
            ("Session \u00e9\u00ff", "401"), // bytes that are no token
        })
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(IPAddress.Loopback, phone.Address.Port);
            await socket.GetStream().WriteAsync(Encoding.Latin1.GetBytes(
                $"GET /me/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {header.Replace("T", phone.Token, StringComparison.Ordinal)}\r\n\r\n"));

            using var reader = new StreamReader(socket.GetStream());
            Assert.That(await reader.ReadLineAsync(), Does.StartWith($"HTTP/1.1 {status} "), header);
        }
    }

    [TestCase("Bearer T")]
    [TestCase("Basic T")]
    [TestCase("T")]
    public async Task Another_scheme_is_answered_with_the_right_one(string header)
    {
        using var client = _application.NewBrowser();

        using var response = await client.SendAsync(
            HttpMethod.Get, "/me/",
            change: request => request.Headers.TryAddWithoutValidation("Authorization", header.Replace("T", _phone.Token, StringComparison.Ordinal)));

        var problem = await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        Assert.That(problem["title"]!.GetValue<string>(), Does.Contain("Authorization: Session TOKEN"));
    }

    [Test]
    public async Task An_ended_session_is_answered_with_what_to_do()
    {
        using var logout = await _phone.LogOutAsync();

        using var response = await _phone.LogOutAsync();

        var problem = await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        Assert.That(problem["title"]!.GetValue<string>(), Is.EqualTo("You are not signed in, or the session has ended: log in."));
    }

    [Test]
    public async Task A_refused_login_says_how_to_authenticate()
    {
        using var response = await _phone.PostAsync("/login/", new { email = "ada@example.com", password = "a wrong passphrase" });

        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        Assert.That(response.Headers.WwwAuthenticate.ToString(), Is.EqualTo("Session realm=\"AuthApi\""));
    }

    [Test]
    public async Task Two_headers_are_no_session()
    {
        using var client = _application.NewBrowser();

        using var response = await client.SendAsync(HttpMethod.Get, "/me/", change: request =>
            request.Headers.TryAddWithoutValidation("Authorization", [$"Session {_phone.Token}", $"Session {_phone.Token}"]));

        await response.ShouldBeNotAuthenticatedAsync();
    }

    [Test]
    public async Task The_header_alone_decides_beside_a_cookie()
    {
        using var browser = _application.NewBrowser();
        await browser.LogInAsync("bob@example.com");

        using var me = await browser.SendAsync(HttpMethod.Get, "/me/", change: Authorize(_phone.Token));
        using var dead = await browser.SendAsync(HttpMethod.Get, "/me/", change: Authorize(SessionToken.Create().Reveal()));
        using var logout = await browser.SendAsync(HttpMethod.Post, "/logout/", change: Authorize(_phone.Token));

        Assert.That((await me.JsonAsync())["email"]!.GetValue<string>(), Is.EqualTo("ada@example.com"));
        await dead.ShouldBeNotAuthenticatedAsync();
        Assert.That((await logout.JsonAsync())["message"]!.GetValue<string>(), Is.EqualTo("Logout successful. User id: 1"));
        foreach (var response in new[] { me, dead, logout })
        {
            Assert.That(response.SetCookies(), Is.Empty, "the cookie is another session's, and stays");
        }

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _phone.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Beside_another_scheme_the_cookie_decides()
    {
        using var browser = _application.NewBrowser();
        await browser.LogInAsync("bob@example.com");

        using var response = await browser.SendAsync(
            HttpMethod.Get, "/me/", change: request => request.Headers.TryAddWithoutValidation("Authorization", "Basic c3RhZ2luZzpzdGFnaW5n"));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_dead_token_is_refused_by_either_transport()
    {
        using var thief = _application.NewBrowser();
        thief.Cookies["__Host-session"] = _phone.Token;
        using var logout = await _phone.LogOutAsync();

        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _phone.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_header_login_ends_the_callers_session_keeping_its_cookie()
    {
        using var browser = _application.NewBrowser();
        await browser.LogInAsync("bob@example.com");
        using var before = browser.Copy();

        using var response = await browser.PostAsync("/login/", new { email = "bob@example.com", password = Browser.Password, transport = "header" });

        Assert.That(response.SetCookies(), Is.Empty, "only logging out removes the cookie");
        Assert.That(await before.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    private static Action<HttpRequestMessage> Authorize(string token) =>
        request => request.Headers.TryAddWithoutValidation("Authorization", $"Session {token}");
}
