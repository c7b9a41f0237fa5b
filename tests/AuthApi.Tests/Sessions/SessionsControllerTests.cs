using System.Net;
using System.Text.Json.Nodes;
using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Sessions;

/// <summary>The devices a person is signed in on: seen, and ended, from a browser or a phone.</summary>
[TestFixture(SessionTransport.Cookie, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Header, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Cookie, TestedStore.PostgreSql)]
[TestFixture(SessionTransport.Header, TestedStore.PostgreSql)]
internal sealed class SessionsControllerTests(SessionTransport transport, TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;
    private Browser _other = null!;

    [OneTimeSetUp]
    public void OneTimeSetUp() => database.Require();

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: database);
        _browser = await _application.NewLoggedInBrowserAsync(transport: transport);
        _other = _application.NewBrowser(transport: transport);
        _application.Time.Advance(TimeSpan.FromSeconds(1));
        await _other.LogInAsync();
        _application.Time.Advance(TimeSpan.FromSeconds(1));
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        _other.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task The_list_has_every_session_with_the_last_used_first()
    {
        using var bob = await _application.NewLoggedInBrowserAsync("bob@example.com");

        using var response = await _browser.GetAsync("/sessions/");

        var items = (await response.JsonAsync())["items"]!.AsArray();
        Assert.That(items.Select(item => item!["current"]!.GetValue<bool>()), Is.EqualTo(new[] { true, false }), "the current one was used just now");
        Assert.That(items[0]!.AsObject().Select(property => property.Key), Is.EqualTo(new[]
        {
            "id", "current", "createdAt", "lastSeenAt", "expiresAt", "ipAddress", "userAgent", "device", "lastIpAddress", "lastDevice", "transport", "authenticationMethods",
        }));
        var text = await response.Content.ReadAsStringAsync();
        var hashes = (await _application.StoredSessionsAsync()).Select(session => session.TokenHash.ToArray()).ToList();
        foreach (var token in new[] { _browser.Token, _other.Token })
        {
            Assert.That(text, Does.Not.Contain(token));
        }

        foreach (var hash in hashes)
        {
            Assert.That(text, Does.Not.Contain(Convert.ToBase64String(hash)).And.Not.Contain(Convert.ToHexString(hash)).IgnoreCase);
        }
    }

    [Test]
    public async Task The_list_is_ordered_by_the_last_known_use()
    {
        _application.Time.Advance(TimeSpan.FromSeconds(5));
        await _other.MeAsync();
        _application.Time.Advance(TimeSpan.FromSeconds(5));

        var items = await ListAsync(_browser);

        Assert.That(items[1]!["lastSeenAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(_application.Time.GetUtcNow().AddSeconds(-5)));
        Assert.That(items[1]!["expiresAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(_application.Time.GetUtcNow().AddSeconds(-5).AddMinutes(30)));
    }

    [Test]
    public async Task An_expired_session_is_not_in_the_list()
    {
        _application.Time.Advance(TimeSpan.FromMinutes(20));
        await _browser.MeAsync();
        _application.Time.Advance(TimeSpan.FromMinutes(11));

        Assert.That(await ListAsync(_browser), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Ending_another_session_ends_it_as_its_logout_would()
    {
        var lost = await OtherIdAsync();
        Assert.That(await _other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        using var response = await _browser.DeleteAsync($"/sessions/{lost}/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(response.SetCookies(), Is.Empty);
        Assert.That(await _other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.EventsAsync(1), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedIn, AuditEvent.SessionRevoked }));
    }

    [Test]
    public async Task Ending_the_current_session_is_a_logout()
    {
        using var copy = _browser.Copy();
        var id = (await ListAsync(_browser))[0]!["id"]!.GetValue<string>();
        _application.Time.Advance(TimeSpan.FromMinutes(15)); // no recent authentication is asked for

        using var response = await _browser.DeleteAsync($"/sessions/{id}/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(response.SetCookies().Any(), Is.EqualTo(transport == SessionTransport.Cookie));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Ending_another_needs_a_recent_authentication()
    {
        var lost = await OtherIdAsync();
        _application.Time.Advance(TimeSpan.FromMinutes(10) + TimeSpan.FromSeconds(1));

        using var refused = await _browser.DeleteAsync($"/sessions/{lost}/");
        await refused.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
        Assert.That(await _other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        await _browser.ReauthenticateAsync();
        using var response = await _browser.DeleteAsync($"/sessions/{lost}/");
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [TestCase("x")]
    [TestCase("01998c5e-6c1f-7d0a-8a53-2f9c1d4b7e60")]
    [TestCase("..%2f..")]
    [TestCase("00000000-0000-0000-0000-000000000000")]
    public async Task An_unknown_id_is_not_found(string id)
    {
        using var response = await _browser.DeleteAsync($"/sessions/{id}/");

        await response.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
    }

    [Test]
    public async Task Another_users_id_is_not_found()
    {
        using var bob = _application.NewBrowser(transport: transport);
        await bob.RegisterAsync("bob@example.com");
        var bobs = (await bob.LogInAsync("bob@example.com"))["id"]!.GetValue<string>();

        using var response = await _browser.DeleteAsync($"/sessions/{bobs}/");

        await response.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        Assert.That(await bob.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task An_ended_session_is_not_found()
    {
        var id = await OtherIdAsync();
        using var logout = await _other.LogOutAsync();

        using var response = await _browser.DeleteAsync($"/sessions/{id}/");

        await response.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
    }

    [Test]
    public async Task Logging_out_the_others_leaves_this_session()
    {
        using var bob = await _application.NewLoggedInBrowserAsync("bob@example.com", transport);

        using var response = await _browser.LogOutAsync("others");

        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("""{"message":"Logout successful. User id: 1","endedSessions":1}"""));
        Assert.That(response.SetCookies(), Is.Empty);
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await bob.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "another user is unaffected");
    }

    [Test]
    public async Task Logging_out_everywhere_ends_every_session_and_the_cookie()
    {
        using var copy = _browser.Copy();
        using var bob = await _application.NewLoggedInBrowserAsync("bob@example.com", transport);
        await _other.MeAsync(); // cached now

        using var response = await _browser.LogOutAsync("all");

        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("""{"message":"Logout successful. User id: 1","endedSessions":2}"""));
        Assert.That(response.SetCookies().Any(), Is.EqualTo(transport == SessionTransport.Cookie));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await bob.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.EventsAsync(1), Is.EquivalentTo(new[]
        {
            AuditEvent.SignedIn, AuditEvent.SignedIn, AuditEvent.SessionRevoked, AuditEvent.SignedOut,
        }), "each end is written once");
    }

    [Test]
    public async Task Logging_out_everywhere_is_one_transaction()
    {
        var commits = 0;
        if (database == TestedStore.Sqlite)
        {
            _application.Services.GetRequiredService<GroupCommit>().Committed += _ => Interlocked.Increment(ref commits);
        }

        using var response = await _browser.LogOutAsync("all");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        if (database == TestedStore.PostgreSql)
        {
            // A row has the number of the transaction that inserted it.
            commits = await _application.QueryAsync(context => context.Database.SqlQueryRaw<int>(
                """SELECT count(DISTINCT xmin::text)::int AS "Value" FROM "AuditEntries" WHERE "Event" IN ('SignedOut', 'SessionRevoked')""").SingleAsync());
        }

        Assert.That(commits, Is.EqualTo(1));
    }

    [Test]
    public async Task Logging_out_the_others_counts_none_if_there_are_none()
    {
        using var first = await _browser.LogOutAsync("others");
        using var second = await _browser.LogOutAsync("others");

        Assert.That((await second.JsonAsync())["endedSessions"]!.GetValue<int>(), Is.Zero);
    }

    [TestCase("others")]
    [TestCase("all")]
    public async Task Logging_out_more_needs_a_recent_authentication(string scope)
    {
        _application.Time.Advance(TimeSpan.FromMinutes(11));

        using var refused = await _browser.LogOutAsync(scope);

        await refused.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        await _browser.ReauthenticateAsync();
        using var response = await _browser.LogOutAsync(scope);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    private static async Task<JsonArray> ListAsync(Browser browser)
    {
        using var response = await browser.GetAsync("/sessions/");
        return (await response.JsonAsync())["items"]!.AsArray();
    }

    private async Task<string> OtherIdAsync() =>
        (await ListAsync(_browser)).Single(item => !item!["current"]!.GetValue<bool>())!["id"]!.GetValue<string>();
}
