using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Sessions;

/// <summary>
/// What may meet what, at the worst moment. After any of them no token whose end was acknowledged is accepted again, and no live
/// session is lost.
/// </summary>
[TestFixture(SessionTransport.Cookie, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Header, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Cookie, TestedStore.PostgreSql)]
[TestFixture(SessionTransport.Header, TestedStore.PostgreSql)]
internal sealed class RaceTests(SessionTransport transport, TestedStore database)
{
    private GatedStore _store = null!;
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void OneTimeSetUp() => database.Require();

    [SetUp]
    public async Task SetUp()
    {
        _store = new GatedStore();
        _application = new AuthApiApplication(_store.Wrap, new() { ["Sessions:MaxPerUser"] = "5", ["Sessions:CleanupInterval"] = "1.00:00:00" }, store: database);
        _browser = await _application.NewLoggedInBrowserAsync(transport: transport);
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task An_end_against_fifty_requests_in_flight()
    {
        using var thief = _browser.Copy();
        var acknowledged = false;
        var requests = Enumerable.Range(0, 50).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 20; i++)
            {
                var startedAfterTheEnd = Volatile.Read(ref acknowledged);
                var status = await thief.Copy().MeAsync();
                Assert.That(status, startedAfterTheEnd
                    ? Is.EqualTo(HttpStatusCode.Unauthorized)
                    : Is.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.Unauthorized));
            }
        })).ToList();

        using var logout = await _browser.LogOutAsync();
        Volatile.Write(ref acknowledged, true);

        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await Task.WhenAll(requests);
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task An_end_while_the_cache_refills_from_an_older_row()
    {
        using var thief = _browser.Copy();
        _store.AfterFind.Close();
        var refill = thief.MeAsync();
        await _store.AfterFind.Reached;

        using var logout = await _browser.LogOutAsync();
        _store.AfterFind.Open();

        Assert.That(await refill, Is.EqualTo(HttpStatusCode.OK), "it came before the end");
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_refill_between_the_commit_of_an_end_and_its_answer()
    {
        using var thief = _browser.Copy();
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "cached");
        _store.AfterEnd.Close();
        var logout = _browser.LogOutAsync();
        await _store.AfterEnd.Reached;

        // The row is gone; the cache does not know it, and no caller was answered. Where other nodes share the store the row is looked at all the same.
        Assert.That(await thief.MeAsync(), Is.EqualTo(database == TestedStore.Sqlite ? HttpStatusCode.OK : HttpStatusCode.Unauthorized));
        _application.Services.GetRequiredService<SessionCache>().InvalidateEveryone();
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "the row decides");
        _store.AfterEnd.Open();

        using var response = await logout;
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_clock_that_goes_back_while_an_expiry_is_written()
    {
        using var copy = _browser.Copy();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "cached");
        var before = _application.Time.GetUtcNow();
        _application.Time.Advance(TimeSpan.FromMinutes(30));
        _store.AfterEnd.Close();
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        await _store.AfterEnd.Reached;

        _application.Time.AdjustTime(before);
        var refused = await copy.MeAsync();
        _store.AfterEnd.Open();

        Assert.That(refused, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_clock_that_goes_back_during_a_cleanup()
    {
        using var copy = _browser.Copy();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "cached");
        var before = _application.Time.GetUtcNow();
        _application.Time.Advance(TimeSpan.FromMinutes(40));
        _store.AfterCleanup.Close();
        var cleanup = _application.Services.GetRequiredService<UserSessionManager>().CleanUpAsync(CancellationToken.None);
        await _store.AfterCleanup.Reached;
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));

        _application.Time.AdjustTime(before);
        var refused = await copy.MeAsync();
        _store.AfterCleanup.Open();

        Assert.That(refused, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await cleanup, Is.EqualTo(1));
    }

    [Test]
    public async Task An_end_while_last_uses_are_written()
    {
        using var thief = _browser.Copy();
        _application.Time.Advance(TimeSpan.FromSeconds(2));
        await _browser.MeAsync();
        _store.BeforeLastSeen.Close();
        var flush = _application.Services.GetRequiredService<LastSeenTracker>().FlushAsync();
        await _store.BeforeLastSeen.Reached;

        using var logout = await _browser.LogOutAsync();
        _store.BeforeLastSeen.Open();
        await flush;

        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Concurrent_logins_at_the_limit()
    {
        var devices = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            var device = _application.NewBrowser(transport: transport);
            await device.LogInAsync();
            return device;
        }));

        var alive = 0;
        foreach (var device in devices.Append(_browser))
        {
            alive += await device.MeAsync() == HttpStatusCode.OK ? 1 : 0;
        }

        Assert.That(alive, Is.EqualTo(5));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(5));
        Assert.That((await _application.EventsAsync(1)).Count(what => what == AuditEvent.SessionEvicted), Is.EqualTo(16));
        Array.ForEach(devices, device => device.Dispose());
    }

    [Test]
    public async Task Logging_out_everywhere_against_a_login()
    {
        for (var round = 0; round < 20; round++)
        {
            using var during = _application.NewBrowser(transport: transport);
            using var after = _application.NewBrowser(transport: transport);
            using var before = _browser.Copy();

            var logout = _browser.LogOutAsync("all");
            var login = during.LogInAsync();
            using var response = await logout;
            await after.LogInAsync();
            await login;

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await before.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "what was before is dead");
            Assert.That(await after.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "what came after lives");

            // What was at the same time may be either, and stays what it is.
            var (first, second) = (await during.MeAsync(), await during.MeAsync());
            Assert.That(second, Is.EqualTo(first));
            using var cleared = await after.LogOutAsync("all");
            await _browser.LogInAsync();
        }
    }

    [Test]
    public async Task A_logout_that_overtakes_a_renewal()
    {
        using var old = _browser.Copy();
        _store.BeforeRenew.Close();
        var renewal = _browser.PostAsync("/reauthenticate/", new { password = Browser.Password });
        await _store.BeforeRenew.Reached;

        using var logout = await old.Copy().LogOutAsync();
        _store.BeforeRenew.Open();

        using var response = await renewal;
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await response.ShouldBeNotAuthenticatedAsync();
        Assert.That(await old.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
    }

    [Test]
    public async Task A_renewal_that_overtakes_a_logout()
    {
        using var old = _browser.Copy();
        _store.BeforeEnd.Close();
        var logout = old.LogOutAsync();
        await _store.BeforeEnd.Reached;

        // The new token is in use, and in the cache, when the logout that came with the old one ends the session.
        await _browser.ReauthenticateAsync();
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        _store.BeforeEnd.Open();

        using var response = await logout;
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "it was the same session");
        Assert.That(await old.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
    }

    [Test]
    public async Task Two_renewals_at_once_leave_one_token_alive()
    {
        using var other = _browser.Copy();

        var responses = await Task.WhenAll(
            _browser.PostAsync("/reauthenticate/", new { password = Browser.Password }),
            other.PostAsync("/reauthenticate/", new { password = Browser.Password }));

        // Both came with one token, and it can be renewed once; the later one is rejected.
        Assert.That(responses.Select(response => response.StatusCode), Is.EquivalentTo(new[] { HttpStatusCode.OK, HttpStatusCode.Unauthorized }));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
        Assert.That((await _application.EventsAsync(1)).Count(what => what == AuditEvent.Reauthenticated), Is.EqualTo(1));
    }
}
