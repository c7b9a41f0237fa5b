using System.Net;
using System.Security.Claims;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>What an application and its user see of a session, and what counts as its use.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class SessionUseTests(TestedStore store)
{
    private StockApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void RequireStore() => AppServices.Require(store);

    [SetUp]
    public async Task SetUp()
    {
        _application = await StartAsync(new() { Pipeline = UseAddressOfHeader });
        _browser = await _application.NewLoggedInBrowserAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task The_claim_sid_is_the_sessions_id()
    {
        var me = await _browser.ReadMeAsync();
        var session = (await _application.StoredSessionsAsync()).Single();

        Assert.That((string?)me["sid"], Is.EqualTo(session.Id.ToString()));
        Assert.That((string?)me["session"], Is.EqualTo(session.Id.ToString()));
    }

    [Test]
    public async Task A_users_own_claim_sid_is_not_the_sessions()
    {
        await _application.ChangeUserAsync((users, user) => users.AddClaimsAsync(user, [new Claim("sid", Guid.Empty.ToString()), new Claim("amr", "hwk"), new Claim("auth_time", "9999999999")]));

        Assert.That((string?)(await _browser.ReadMeAsync())["sid"], Is.EqualTo((await _application.StoredSessionsAsync()).Single().Id.ToString()));
        Assert.That(await _application.QueryAsync(_ => Task.FromResult(Principal("none").FindSessionId())), Is.Null);
        Assert.That(Principal(Guid.Empty.ToString()).FindSessionId(), Is.EqualTo(Guid.Empty));

        static ClaimsPrincipal Principal(string sid) => new(new ClaimsIdentity([new Claim("sid", sid)], "test"));
    }

    [Test]
    public async Task A_call_without_a_session_has_none()
    {
        using var stranger = _application.NewBrowser();

        using var anonymous = await stranger.GetAsync("/open/");
        using var known = await _browser.GetAsync("/open/");

        Assert.That((await anonymous.JsonAsync())["session"], Is.Null);
        Assert.That((string?)(await known.JsonAsync())["session"], Is.EqualTo((await _application.StoredSessionsAsync()).Single().Id.ToString()));
    }

    [Test]
    public void A_request_without_a_session_has_none_to_get()
    {
        var context = new DefaultHttpContext();

        Assert.That(context.FindUserSession(), Is.Null);
        Assert.That(() => context.GetUserSession(), Throws.InvalidOperationException);
    }

    [Test]
    public async Task A_page_that_polls_the_session_does_not_keep_it_alive()
    {
        var expiresAt = default(DateTimeOffset);
        for (var minute = 0; minute < 29; minute++)
        {
            _application.Time.Advance(TimeSpan.FromMinutes(1));
            expiresAt = (await CurrentAsync())["expiresAt"]!.GetValue<DateTimeOffset>();
        }

        Assert.That(expiresAt, Is.EqualTo(_application.Time.GetUtcNow().AddMinutes(1)));
        _application.Time.Advance(TimeSpan.FromMinutes(1));
        using var response = await _browser.GetAsync("/session/");
        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
    }

    [Test]
    public async Task Any_other_call_keeps_the_session_alive()
    {
        for (var i = 0; i < 4; i++)
        {
            _application.Time.Advance(TimeSpan.FromMinutes(20));
            Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        }
    }

    [Test]
    public async Task Another_client_shows_at_once_within_the_same_second()
    {
        await SendAsync(_browser, "203.0.113.7", "curl/8.14.1");
        Assert.That(Client(await CurrentAsync()), Is.EqualTo(("203.0.113.7", "curl")));

        using var thief = _browser.Copy();
        await SendAsync(thief, "198.51.100.1", "PostmanRuntime/7.44.1");

        Assert.That(Client(await CurrentAsync()), Is.EqualTo(("198.51.100.1", "Postman")));
    }

    [Test]
    public async Task Another_client_is_listed_at_once_and_after_it_was_written()
    {
        using var phone = await _application.NewLogInAsync();
        using var thief = phone.Copy();
        var id = (string?)(await phone.ReadMeAsync())["sid"];

        await SendAsync(thief, "198.51.100.1", "PostmanRuntime/7.44.1");
        Assert.That(Client(await ListedAsync()), Is.EqualTo(("198.51.100.1", "Postman")));

        // The writer of last uses runs once a minute.
        _application.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.That(
            async () => (await _application.StoredSessionsAsync()).Single(session => session.Id.ToString() == id).LastUserAgent,
            Is.EqualTo("PostmanRuntime/7.44.1").After(10_000, 20));
        Assert.That(Client(await ListedAsync()), Is.EqualTo(("198.51.100.1", "Postman")));
        Assert.That((string?)(await ListedAsync())["device"], Is.Null, "as at the sign-in");

        async Task<JsonNode> ListedAsync()
        {
            using var response = await _browser.GetAsync("/sessions/");
            return (await response.JsonAsync())["items"]!.AsArray().Single(item => (string?)item!["id"] == id)!;
        }
    }

    [Test]
    public async Task The_last_use_of_the_same_client_is_known_to_the_second()
    {
        await SendAsync(_browser, "203.0.113.7", "curl/8.14.1");
        _application.Time.Advance(TimeSpan.FromMilliseconds(999));
        await SendAsync(_browser, "203.0.113.7", "curl/8.14.1");
        var within = (await CurrentAsync())["lastSeenAt"]!.GetValue<DateTimeOffset>();

        _application.Time.Advance(TimeSpan.FromMilliseconds(1));
        await SendAsync(_browser, "203.0.113.7", "curl/8.14.1");
        var after = (await CurrentAsync())["lastSeenAt"]!.GetValue<DateTimeOffset>();

        Assert.That(after - within, Is.EqualTo(TimeSpan.FromSeconds(1)));
    }

    [Test]
    public async Task Sessions_are_listed_and_ended_by_id()
    {
        using var phone = await _application.NewLogInAsync();
        using var list = await _browser.GetAsync("/sessions/");
        var other = (await list.JsonAsync())["items"]!.AsArray().Single(item => !item!["current"]!.GetValue<bool>())!;

        using var end = await _browser.DeleteAsync($"/sessions/{other["id"]}/");

        Assert.That(end.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        using var again = await _browser.DeleteAsync($"/sessions/{other["id"]}/");
        await again.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
    }

    [Test]
    public async Task Ending_another_session_needs_a_recent_authentication()
    {
        using var phone = await _application.NewLogInAsync();
        using var list = await _browser.GetAsync("/sessions/");
        var other = (await list.JsonAsync())["items"]!.AsArray().Single(item => !item!["current"]!.GetValue<bool>())!;
        _application.Time.Advance(TimeSpan.FromMinutes(11));

        using var late = await _browser.DeleteAsync($"/sessions/{other["id"]}/");
        await late.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");

        using var proof = await _browser.PostAsync("/reauthenticate/", new { password = Browser.Password });
        using var end = await _browser.DeleteAsync($"/sessions/{other["id"]}/");
        Assert.That(end.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task Another_users_session_is_not_there()
    {
        using var eve = await _application.NewLoggedInBrowserAsync("eve@example.com");
        var id = (string?)(await _browser.ReadMeAsync())["sid"];

        using var response = await eve.DeleteAsync($"/sessions/{id}/");

        await response.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task The_activity_is_listed_page_by_page()
    {
        using var logout = await _browser.LogOutAsync();
        await _browser.LogInAsync();

        using var first = await _browser.GetAsync("/me/activity/?limit=2");
        var page = await first.JsonAsync();
        using var second = await _browser.GetAsync($"/me/activity/?limit=2&before={page["next"]}");
        var rest = await second.JsonAsync();

        Assert.That(page["items"]!.AsArray().Concat(rest["items"]!.AsArray()).Select(item => (string?)item!["event"]), Is.EqualTo(new[] { "signed_in", "signed_out", "signed_in" }));
        Assert.That(rest["next"], Is.Null);
    }

    [Test]
    public async Task Controllers_are_not_served_unasked()
    {
        await using var application = await StartAsync(new()
        {
            Register = builder =>
            {
                builder.AddAppDbContext<AppDbContext>();
                builder.Services.AddControllers();
                builder.Services.AddIdentity<AppUser, IdentityRole>(AppServices.WeakPasswords).AddEntityFrameworkStores<AppDbContext>();
                builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UseStoreOf(builder));
            },
        });
        using var browser = await application.NewLoggedInBrowserAsync();

        using var response = await browser.GetAsync("/sessions/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    // The test server knows no addresses.
    private static void UseAddressOfHeader(WebApplication application) => application.Use((context, next) =>
    {
        context.Connection.RemoteIpAddress = IPAddress.TryParse(context.Request.Headers["X-Address"], out var address) ? address : null;
        return next(context);
    });

    private static async Task SendAsync(Browser browser, string address, string userAgent)
    {
        using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request =>
        {
            request.Headers.Add("X-Address", address);
            request.Headers.TryAddWithoutValidation("User-Agent", userAgent);
        });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    private static (string?, string?) Client(JsonNode session) => ((string?)session["lastIpAddress"], (string?)session["lastDevice"]);

    private async Task<JsonNode> CurrentAsync()
    {
        using var response = await _browser.GetAsync("/session/");
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return (await response.JsonAsync())["session"]!;
    }

    private Task<StockApplication> StartAsync(AppSetup? setup = null) => StockApplication.StartAsync((setup ?? new AppSetup()) with { Store = store });
}
