using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Sessions;

/// <summary>When time ends a session, by the application's clock.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class SessionTimeoutTests(TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void OneTimeSetUp() => database.Require();

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: database);
        _browser = _application.NewBrowser();
        await _browser.RegisterAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [TestCase(false, 30 * 60)]
    [TestCase(true, 14 * 24 * 60 * 60)]
    public async Task An_unused_session_ends_at_its_idle_timeout(bool rememberMe, int seconds)
    {
        await _browser.LogInAsync(rememberMe: rememberMe);
        using var copy = _browser.Copy();
        _application.Time.Advance(TimeSpan.FromSeconds(seconds - 1));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        _application.Time.Advance(TimeSpan.FromSeconds(seconds));

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(_browser.Cookies, Is.Not.Empty, "only logging out removes a cookie");
        Assert.That(
            () => _application.EventsAsync(1).Result,
            Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SessionExpired }).After(10_000, 20),
            "the end is written, and nobody waits for it");

        _application.Time.AdjustTime(_application.Time.GetUtcNow().AddSeconds(-seconds));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "a clock that goes back revives nothing");
    }

    [Test]
    public async Task A_clock_that_was_ahead_makes_no_authentication_recent()
    {
        _application.Time.Advance(TimeSpan.FromHours(6));
        await _browser.LogInAsync();
        _application.Time.AdjustTime(_application.Time.GetUtcNow().AddHours(-6));

        using var refused = await _browser.GetAsync("/me/export/");

        await refused.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_used_session_ends_at_its_absolute_timeout()
    {
        await _browser.LogInAsync();
        for (var i = 0; i < 35; i++)
        {
            _application.Time.Advance(TimeSpan.FromMinutes(20));
            Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        }

        _application.Time.Advance(TimeSpan.FromMinutes(20));

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_remembered_session_ends_after_thirty_days()
    {
        await _browser.LogInAsync(rememberMe: true);
        for (var i = 0; i < 29; i++)
        {
            _application.Time.Advance(TimeSpan.FromDays(1));
            Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        }

        _application.Time.Advance(TimeSpan.FromDays(1));

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Last_use_is_written_at_most_once_a_minute()
    {
        var session = await _browser.LogInAsync();
        var signedInAt = _application.Time.GetUtcNow();

        for (var second = 1; second < 60; second++)
        {
            _application.Time.Advance(TimeSpan.FromSeconds(1));
            await _browser.MeAsync();
        }

        Assert.That((await _application.StoredSessionsAsync()).Single().LastSeenAt, Is.EqualTo(signedInAt), "not in the first minute");
        using var me = await _browser.GetAsync("/me/");
        Assert.That(
            (await me.JsonAsync())["session"]!["lastSeenAt"]!.GetValue<DateTimeOffset>(),
            Is.EqualTo(signedInAt.AddSeconds(59)),
            "but known to the second");

        _application.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(() => _application.StoredSessionsAsync().Result.Single().LastSeenAt, Is.EqualTo(signedInAt.AddSeconds(59)).After(10_000, 20));
        Assert.That(session["lastSeenAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(signedInAt));
    }

    [Test]
    public async Task A_pending_last_use_survives_the_cache()
    {
        await _browser.LogInAsync();
        await _browser.MeAsync();
        _application.Time.Advance(TimeSpan.FromSeconds(50));
        await _browser.MeAsync();

        // As after an eviction: the session is read again, from a row that does not know of the last use.
        _application.Services.GetRequiredService<SessionCache>().InvalidateEveryone();
        _application.Time.Advance(TimeSpan.FromMinutes(29.5));

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Cleanup_deletes_what_expired_and_not_what_is_in_use()
    {
        await _browser.LogInAsync();
        using var idle = _application.NewBrowser();
        await idle.LogInAsync();
        for (var i = 0; i < 4; i++)
        {
            _application.Time.Advance(TimeSpan.FromMinutes(10));
            await _browser.MeAsync();
        }

        await _application.Services.GetRequiredService<UserSessionManager>().CleanUpAsync(CancellationToken.None);

        // One that ran by itself, as time passed, may still be at it: what it has locked is left to it.
        Assert.That(() => _application.StoredSessionsAsync().Result, Has.Count.EqualTo(1).After(5_000, 20));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await idle.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Cleanup_runs_by_itself()
    {
        await _browser.LogInAsync();

        // Where nodes share the store, two minutes are left to another one, which may know of a later use.
        _application.Time.Advance(TimeSpan.FromMinutes(33));

        Assert.That(() => _application.StoredSessionsAsync().Result, Is.Empty.After(10_000, 20));
    }

    [Test]
    public async Task Cleanup_takes_as_many_batches_as_it_needs()
    {
        await _application.QueryAsync(context =>
        {
            for (var i = 0; i < 1_100; i++)
            {
                context.Add(SessionExamples.New("1", _application.Time.GetUtcNow().AddDays(-1))).Property("UserKey").CurrentValue = 1;
            }

            return context.SaveChangesAsync();
        });

        var count = await _application.Services.GetRequiredService<UserSessionManager>().CleanUpAsync(CancellationToken.None);

        Assert.That(count, Is.EqualTo(1_100));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
    }

    [TestCase("9999-12-31T23:50:00Z")]
    [TestCase("1969-06-01T00:00:00Z")]
    public async Task Logins_work_at_the_ends_of_the_calendar(string now)
    {
        await using var application = new AuthApiApplication(store: database);
        application.Time.AdjustTime(DateTimeOffset.Parse(now, System.Globalization.CultureInfo.InvariantCulture));
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();
        await browser.LogInAsync(rememberMe: true);

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }
}
