using System.Net;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Sessions.Tests;

/// <summary>An application's <c>RefreshSignInAsync</c> after a change of the password, as the stock pages call it.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class RefreshSignInTests(TestedStore store)
{
    private StockApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void RequireStore() => AppServices.Require(store);

    [SetUp]
    public async Task SetUp()
    {
        _application = await StartAsync(new() { Map = MapHeaderPassword });
        _browser = await _application.NewLoggedInBrowserAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task The_client_that_changed_the_password_stays_signed_in()
    {
        using var copy = _browser.Copy();
        using var phone = await _application.NewLogInAsync();
        var before = await SessionOfAsync(_browser);
        _application.Time.Advance(TimeSpan.FromMinutes(20));

        using var response = await ChangePasswordAsync(_browser);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(_browser.Token, Is.Not.EqualTo(copy.Token));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));

        var after = await SessionOfAsync(_browser);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(after.Id, Is.Not.EqualTo(before.Id));
            Assert.That(after.AuthenticatedAt, Is.EqualTo(before.AuthenticatedAt), "nothing was proven by it");
            Assert.That(after.AbsoluteExpiresAt, Is.EqualTo(before.AbsoluteExpiresAt));
            Assert.That(after.AuthenticationMethods, Is.EqualTo(before.AuthenticationMethods));
            Assert.That(after.CreatedAt, Is.EqualTo(before.CreatedAt.AddMinutes(20)));
        }

        var events = await _application.EventsAsync(after.UserId);
        Assert.That(events, Is.EquivalentTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedIn, AuditEvent.SignedOut, AuditEvent.SessionRevoked, AuditEvent.SignedIn }));
        Assert.That(events[^1], Is.EqualTo(AuditEvent.SignedIn));
    }

    [Test]
    public async Task A_refreshed_session_ends_when_the_first_would_have()
    {
        for (var i = 0; i < 35; i++)
        {
            _application.Time.Advance(TimeSpan.FromMinutes(20));
            Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        }

        using var response = await ChangePasswordAsync(_browser);
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        _application.Time.Advance(TimeSpan.FromMinutes(20));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "after 12 hours");
    }

    [Test]
    public async Task A_refreshed_remembered_cookie_ends_with_its_session()
    {
        await _browser.LogInAsync(rememberMe: true);
        _application.Time.Advance(TimeSpan.FromDays(10));

        using var response = await ChangePasswordAsync(_browser);

        var cookie = response.SetCookies().Single();
        Assert.That(cookie, Does.Contain($"max-age={TimeSpan.FromDays(20).TotalSeconds}"));
        Assert.That((await SessionOfAsync(_browser)).RememberMe, Is.True);
    }

    [Test]
    public async Task A_session_cookie_stays_one_of_the_browsers_session()
    {
        using var response = await ChangePasswordAsync(_browser);

        Assert.That(response.SetCookies().Single(), Does.Not.Contain("max-age").And.Not.Contain("expires"));
    }

    [Test]
    public async Task A_client_with_the_header_gets_its_new_token()
    {
        using var phone = _application.NewBrowser();
        using var login = await phone.PostAsync("/login/header/", new { email = "ada@example.com", password = Browser.Password });
        phone.Token = (await login.JsonAsync())["sessionToken"]!.GetValue<string>();
        Assert.That(login.SetCookies(), Is.Empty);
        using var copy = phone.Copy();

        using var response = await phone.PostAsync("/password/header/", new { current = Browser.Password, next = "another password" });
        phone.Token = (await response.JsonAsync())["sessionToken"]!.GetValue<string>();

        Assert.That(response.SetCookies(), Is.Empty);
        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_refresh_without_a_change_replaces_the_session()
    {
        using var copy = _browser.Copy();

        using var response = await _browser.PostAsync("/refresh/");

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.EventsAsync(await _application.UserIdAsync()), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SessionReplaced, AuditEvent.SignedIn }));
    }

    private static void MapHeaderPassword(WebApplication application)
    {
        application.MapPost("/password/header/", async (
            AppEndpoints.PasswordChange change, HttpContext context, UserManager<AppUser> users, SignInManager<AppUser> signIn) =>
        {
            var user = (await users.GetUserAsync(context.User))!;
            await users.ChangePasswordAsync(user, change.Current, change.Next);
            await signIn.RefreshSignInAsync(user);

            // RefreshSignInAsync keeps the properties of the request's own session.
            var properties = (await context.AuthenticateAsync(IdentityConstants.ApplicationScheme)).Properties!;
            return new { sessionToken = properties.GetStartedSession()!.Token };
        }).RequireAuthorization();

        application.MapPost("/refresh/", async (HttpContext context, UserManager<AppUser> users, SignInManager<AppUser> signIn) =>
            await signIn.RefreshSignInAsync((await users.GetUserAsync(context.User))!)).RequireAuthorization();
    }

    private static Task<HttpResponseMessage> ChangePasswordAsync(Browser browser) =>
        browser.SendAsync(HttpMethod.Post, "/password/", JsonContent.Create(new { current = Browser.Password, next = "another password" }));

    private async Task<UserSession> SessionOfAsync(Browser browser)
    {
        var id = (await browser.ReadMeAsync())["session"]!.GetValue<Guid>();
        return (await _application.StoredSessionsAsync()).Single(session => session.Id == id);
    }

    private Task<StockApplication> StartAsync(AppSetup? setup = null) => StockApplication.StartAsync((setup ?? new AppSetup()) with { Store = store });
}
