using System.Data.Common;
using System.Net;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace AuthApi.Tests.Sessions;

/// <summary>Which <c>Cookie</c> headers are a session, and which are none.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class SessionCookieTests(TestedStore store)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;
    private string _token = null!;

    [OneTimeSetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: store);
        _browser = await _application.NewLoggedInBrowserAsync();
        _token = _browser.Token;
        _browser.Cookies.Clear();
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [TestCase("__Host-session=T", HttpStatusCode.OK)]
    [TestCase("a=b; __Host-session=T; c=d", HttpStatusCode.OK)]
    [TestCase("a=b;__Host-session=T;c=d", HttpStatusCode.OK)]
    [TestCase("__Host-session=T; __Host-session=T", HttpStatusCode.OK)]
    [TestCase("__host-session=T", HttpStatusCode.Unauthorized)]
    [TestCase("__HOST-SESSION=T", HttpStatusCode.Unauthorized)]
    [TestCase("__%48ost-session=T", HttpStatusCode.Unauthorized)]
    [TestCase("session=T", HttpStatusCode.Unauthorized, Description = "the name over plain HTTP")]
    [TestCase("__Host-session2=T", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=\"T\"", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=T.", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=%T", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=A; __Host-session=T", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=T; __Host-session=A", HttpStatusCode.Unauthorized)]
    [TestCase("__Host-session=T; __Host-session=", HttpStatusCode.Unauthorized)]
    [TestCase(";;;=;", HttpStatusCode.Unauthorized)]
    [TestCase("=", HttpStatusCode.Unauthorized)]
    public async Task Only_the_exact_cookie_is_a_session(string header, HttpStatusCode status)
    {
        using var response = await SendAsync(header.Replace("T", _token, StringComparison.Ordinal));

        Assert.That(response.StatusCode, Is.EqualTo(status));
        if (status == HttpStatusCode.Unauthorized)
        {
            await response.ShouldBeProblemAsync(status, header.Contains("; __Host-session=", StringComparison.Ordinal) ? "ambiguous_session" : "not_authenticated");
            Assert.That(response.Headers.WwwAuthenticate.ToString(), Is.EqualTo("Session realm=\"AuthApi\""));
            Assert.That(response.SetCookies(), Is.Empty, "only logging out removes the cookie");
        }
    }

    [Test]
    public async Task Logging_out_with_two_cookies_ends_both_sessions()
    {
        using var first = _application.NewBrowser();
        await first.LogInAsync();
        using var second = await _application.NewLoggedInBrowserAsync("bob@example.com");
        using var other = _application.NewBrowser();
        await other.LogInAsync();

        using var response = await _browser.SendAsync(
            HttpMethod.Post, "/logout/", change: request => request.Headers.Add("Cookie", $"__Host-session={first.Token}; __Host-session={second.Token}"));

        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "ambiguous_session");
        Assert.That(response.SetCookies().Single(), Does.StartWith("__Host-session=; "));
        Assert.That(await first.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await second.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_call_with_two_cookies_ends_neither_session()
    {
        using var other = _application.NewBrowser();
        await other.LogInAsync();

        using var response = await SendAsync($"__Host-session={_token}; __Host-session={other.Token}");

        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "ambiguous_session");
        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var me = await SendAsync($"__Host-session={_token}");
        Assert.That(me.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_login_with_two_cookies_says_that_it_would_not_help()
    {
        using var browser = _application.NewBrowser("http");
        foreach (var (path, login) in new (string, object)[]
        {
            ("/login/", new { email = "ada@example.com", password = Browser.Password }),
            ("/login/passkey/", new { credential = new { } }),
            ("/recovery/", new { email = "ada@example.com", code = "7K3M-9QXW-2DTA", recoveryCode = "4F8H-0YBC-6RVN-7K3M-9QXW-2DTA" }),
        })
        {
            // Another program on localhost has set a cookie of this name with a path that this program's cookie does not replace.
            using var response = await browser.SendAsync(
                HttpMethod.Post, path, System.Net.Http.Json.JsonContent.Create(login), request => request.Headers.Add("Cookie", $"session=theirs; session={_token}"));

            var problem = await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "ambiguous_session");
            Assert.That(problem["title"]!.GetValue<string>(), Does.Contain("Sessions:CookieName"));
            Assert.That(response.SetCookies(), Is.Empty);
        }

        using var me = await SendAsync($"__Host-session={_token}");
        Assert.That(me.StatusCode, Is.EqualTo(HttpStatusCode.OK), "nothing has ended");
    }

    [Test]
    public async Task A_login_replaces_the_cookie_of_another_program()
    {
        using var browser = _application.NewBrowser("http");
        browser.Cookies["session"] = "theirs";

        await browser.LogInAsync();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_late_401_does_not_remove_a_newer_cookie()
    {
        using var browser = _application.NewBrowser();
        await browser.LogInAsync();
        using var before = browser.Copy();
        await browser.ReauthenticateAsync();

        foreach (var (method, path) in new[] { (HttpMethod.Get, "/me/"), (HttpMethod.Get, "/sessions/"), (HttpMethod.Delete, "/sessions/x/"), (HttpMethod.Post, "/reauthenticate/") })
        {
            using var late = await before.SendAsync(method, path, method == HttpMethod.Post ? System.Net.Http.Json.JsonContent.Create(new { password = Browser.Password }) : null);
            await late.ShouldBeNotAuthenticatedAsync();
            Assert.That(late.SetCookies(), Is.Empty, path);
        }

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("https", "__Host-sid", "; path=/; secure; samesite=lax; httponly")]
    [TestCase("http", "sid", "; path=/; samesite=lax; httponly")]
    public async Task The_cookie_has_the_configured_name_and_same_site(string scheme, string name, string attributes)
    {
        await using var application = new AuthApiApplication(settings: new() { ["Sessions:CookieName"] = "sid", ["Sessions:CookieSameSite"] = "lax" }, store: store);
        using var browser = application.NewBrowser(scheme);
        await browser.RegisterAsync();

        using var login = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        Assert.That(login.SetCookies().Single(), Does.StartWith(name + "=").And.EndsWith(attributes));
        browser.Cookies["session"] = browser.Cookies["__Host-session"] = "another program's";
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.SetCookies().Single(), Does.StartWith(name + "=; ").And.EndsWith(attributes));
    }

    [Test]
    public async Task A_remembered_cookie_has_max_age_and_expires()
    {
        using var browser = _application.NewBrowser();

        using var login = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password, rememberMe = true });

        Assert.That(login.SetCookies().Single(), Does.EndWith(
            "; expires=Tue, 31 Mar 2026 12:00:00 GMT; max-age=2592000; path=/; secure; samesite=strict; httponly"));
    }

    [TestCase(44)]
    [TestCase(4_096)]
    [TestCase(16_000)]
    public async Task Garbage_of_any_length_is_no_session(int length)
    {
        using var response = await SendAsync("__Host-session=" + new string('x', length));

        await response.ShouldBeNotAuthenticatedAsync();
    }

    [TestCase("/me/?token=T")]
    [TestCase("/me/?access_token=T")]
    [TestCase("/me/?__Host-session=T")]
    public async Task A_token_in_the_URL_is_no_session(string path)
    {
        using var response = await _browser.GetAsync(path.Replace("T", _token, StringComparison.Ordinal));

        await response.ShouldBeNotAuthenticatedAsync();
    }

    [Test]
    public async Task A_token_never_issued_is_no_session_and_makes_no_row()
    {
        var before = (await _application.StoredSessionsAsync()).Count;

        using var response = await SendAsync("__Host-session=" + SessionToken.Create().Reveal());

        await response.ShouldBeNotAuthenticatedAsync();
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(before));
    }

    [Test]
    public async Task A_flood_of_unknown_tokens_writes_and_caches_nothing()
    {
        await using DbConnection watcher = store == TestedStore.Sqlite
            ? new SqliteConnection($"Data Source={_application.DatabaseFile};Pooling=False")
            : new NpgsqlConnection(_application.Services.GetRequiredService<PostgreSqlStorage>().ConnectionString + ";Pooling=False");
        await watcher.OpenAsync();
        var cache = _application.Services.GetRequiredService<SessionCache>();
        var (version, kept) = (await VersionAsync(watcher), cache.Count);

        for (var guess = 0; guess < 1_000; guess++)
        {
            using var response = await SendAsync("__Host-session=" + SessionToken.Create().Reveal());
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        Assert.That(await VersionAsync(watcher), Is.EqualTo(version), "no other connection has committed anything");
        Assert.That(cache.Count, Is.EqualTo(kept));
        using var other = _application.NewBrowser();
        await other.LogInAsync();
        Assert.That(await VersionAsync(watcher), Is.Not.EqualTo(version), "a write is seen");
    }

    [Test]
    public async Task Over_plain_HTTP_in_Development_the_cookie_has_another_name()
    {
        using var plain = _application.NewBrowser("http");

        using var response = await plain.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        Assert.That(response.SetCookies().Single(), Does.Match("^session=[A-Za-z0-9_-]{43}; path=/; samesite=strict; httponly$"));
        Assert.That(await plain.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await plain.LogOutAsync();
        Assert.That(logout.SetCookies().Single(), Does.StartWith("session=; expires=Thu, 01 Jan 1970"));
    }

    // SQLite counts the commits of other connections. On PostgreSQL each row has the transaction that wrote it.
    private static async Task<object> VersionAsync(DbConnection connection)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = connection is SqliteConnection
            ? "PRAGMA data_version"
            : """
              SELECT concat(
                  (SELECT string_agg(xmin::text, ' ' ORDER BY "Id") FROM "AspNetUsers"),
                  (SELECT string_agg(xmin::text, ' ' ORDER BY "Key") FROM "UserSessions"),
                  (SELECT string_agg(xmin::text, ' ' ORDER BY "Id") FROM "AuditEntries"))
              """;
        return (await command.ExecuteScalarAsync())!;
    }

    private Task<HttpResponseMessage> SendAsync(string cookieHeader) =>
        _browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.TryAddWithoutValidation("Cookie", cookieHeader));
}
