using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Accounts;

[TestFixture(SessionTransport.Cookie, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Header, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Cookie, TestedStore.PostgreSql)]
[TestFixture(SessionTransport.Header, TestedStore.PostgreSql)]
internal sealed class ReauthenticateTests(SessionTransport transport, TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void OneTimeSetUp() => database.Require();

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: database);
        _browser = await _application.NewLoggedInBrowserAsync(transport: transport);
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task Reauthenticating_renews_the_token_and_keeps_the_id()
    {
        using var before = _browser.Copy();
        using var me = await _browser.GetAsync("/me/");
        var id = (await me.JsonAsync())["session"]!["id"]!.GetValue<string>();

        var session = await _browser.ReauthenticateAsync();

        Assert.That(session["id"]!.GetValue<string>(), Is.EqualTo(id));
        Assert.That(_browser.Token, Is.Not.EqualTo(before.Token));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await before.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "the old token is dead");
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
        Assert.That(await _application.EventsAsync(1), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.Reauthenticated }));
    }

    [Test]
    public async Task The_sessions_limits_stay()
    {
        _application.Time.Advance(TimeSpan.FromMinutes(20));
        var session = await _browser.ReauthenticateAsync();
        Assert.That(session["expiresAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(_application.Time.GetUtcNow().AddMinutes(30)), "this was a use");

        for (var i = 0; i < 34; i++)
        {
            _application.Time.Advance(TimeSpan.FromMinutes(20));
            await _browser.ReauthenticateAsync();
        }

        _application.Time.Advance(TimeSpan.FromMinutes(20));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "12 hours after the login");
    }

    [Test]
    public async Task A_remembered_sessions_cookie_stays_remembered()
    {
        using var browser = _application.NewBrowser();
        await browser.LogInAsync(rememberMe: true);
        _application.Time.Advance(TimeSpan.FromDays(1));

        using var response = await browser.PostAsync("/reauthenticate/", new { password = Browser.Password });

        Assert.That(response.SetCookies().Single(), Does.Contain("expires=Tue, 31 Mar 2026 12:00:00 GMT"));
    }

    [Test]
    public async Task A_wrong_password_is_refused_and_the_session_stays()
    {
        var token = _browser.Token;

        using var response = await _browser.PostAsync("/reauthenticate/", new { password = "wrong" });

        await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        Assert.That(response.SetCookies(), Is.Empty);
        Assert.That(_browser.Token, Is.EqualTo(token));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.EventsAsync(1), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.ReauthenticationFailed }));
    }

    [Test]
    public async Task Wrong_passwords_count_to_lockout_and_logout_still_works()
    {
        for (var i = 0; i < 5; i++)
        {
            using var wrong = await _browser.PostAsync("/reauthenticate/", new { password = "wrong" });
        }

        using var right = await _browser.PostAsync("/reauthenticate/", new { password = Browser.Password });
        await right.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        using var login = await _application.NewBrowser().PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        await login.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        using var logout = await _browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task The_user_is_the_sessions_not_one_the_body_names()
    {
        using var bob = _application.NewBrowser();
        await bob.RegisterAsync("bob@example.com", "a teapot under the western bridge");

        using var response = await _browser.PostAsync(
            "/reauthenticate/", new { password = "a teapot under the western bridge", email = "bob@example.com", userId = 2 });

        await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
    }

    [Test]
    public async Task Reauthenticating_needs_a_session()
    {
        using var response = await _application.NewBrowser().PostAsync("/reauthenticate/", new { password = Browser.Password });

        await response.ShouldBeNotAuthenticatedAsync();
    }

    [Test]
    public async Task Concurrent_wrong_passwords_are_each_counted()
    {
        var wrong = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _browser.PostAsync("/reauthenticate/", new { password = "wrong" })));

        Assert.That(wrong.Select(response => response.StatusCode), Is.All.EqualTo(HttpStatusCode.Forbidden));
        using var right = await _browser.PostAsync("/reauthenticate/", new { password = Browser.Password });
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden), "locked");
        Assert.That((await _application.EventsAsync(1)).Count(what => what == AuditEvent.ReauthenticationFailed), Is.EqualTo(21));
    }
}
