using System.Net;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>What an application may do with sessions by itself.</summary>
internal sealed class UserSessionManagerTests
{
    private StockApplication _application = null!;
    private UserSessionManager _sessions = null!;
    private Browser _browser = null!;
    private Browser _phone = null!;
    private string _userId = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = await StockApplication.StartAsync();
        _sessions = _application.Services.GetRequiredService<UserSessionManager>();
        _browser = await _application.NewLoggedInBrowserAsync();
        _application.Time.Advance(TimeSpan.FromSeconds(5));
        _phone = await _application.NewLogInAsync();
        _userId = await _application.UserIdAsync();
        Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)));
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        _phone.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task Live_sessions_are_listed_the_last_used_first()
    {
        var (browser, phone) = (await IdAsync(_browser), await IdAsync(_phone));
        _application.Time.Advance(TimeSpan.FromMinutes(1));
        await _browser.MeAsync();

        var listed = await _sessions.ListAsync(_userId);

        Assert.That(listed.Select(session => session.Session.Id), Is.EqualTo(new[] { browser, phone }));
        Assert.That(listed[0].LastSeenAt, Is.EqualTo(_application.Time.GetUtcNow()), "although it is not written yet");
        Assert.That(listed[0].ExpiresAt, Is.EqualTo(_application.Time.GetUtcNow().AddMinutes(30)));
        Assert.That(await _sessions.ListAsync("nobody"), Is.Empty);

        _application.Time.Advance(TimeSpan.FromMinutes(29.5));
        Assert.That((await _sessions.ListAsync(_userId)).Select(session => session.Session.Id), Is.EqualTo(new[] { browser }), "the other has expired");
    }

    [Test]
    public async Task One_session_is_ended_by_its_id()
    {
        var id = await IdAsync(_phone);

        var ended = await _sessions.EndAsync(_userId, id, new SessionEnd(AuditEvent.SessionRevoked, Reason: "support"));

        Assert.That((ended!.UserId, ended.SessionId, ended.Event, ended.Reason), Is.EqualTo((_userId, id, AuditEvent.SessionRevoked, "support")));
        Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Unauthorized)));
        Assert.That(await _sessions.EndAsync(_userId, id), Is.Null);
        Assert.That(await _sessions.IsLiveAsync(_userId, id), Is.False);
        Assert.That(await _sessions.IsLiveAsync(_userId, await IdAsync(_browser)), Is.True);
    }

    [Test]
    public async Task All_other_sessions_are_ended()
    {
        var id = await IdAsync(_browser);
        var current = (await _sessions.ListAsync(_userId)).Single(session => session.Session.Id == id);

        var ended = await _sessions.EndOthersAsync(current);

        Assert.That(ended.Single().SessionId, Is.Not.EqualTo(current.Session.Id));
        Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Unauthorized)));
        Assert.That((await _application.EntriesAsync(_userId))[^1].BySessionId, Is.EqualTo(current.Session.Id));
    }

    [Test]
    public async Task All_sessions_of_a_user_are_ended()
    {
        using var eve = await _application.NewLoggedInBrowserAsync("eve@example.com");

        var ended = await _sessions.EndAllAsync(_userId);

        Assert.That(ended, Has.Count.EqualTo(2));
        Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)));
        Assert.That(await eve.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _sessions.EndAllAsync(_userId), Is.Empty);
    }

    [Test]
    public async Task One_more_than_the_limit_ends_the_least_recently_used()
    {
        await using var application = await StockApplication.StartAsync(new() { Options = options => options.MaxPerUser = 2 });
        using var first = await application.NewLoggedInBrowserAsync();
        application.Time.Advance(TimeSpan.FromSeconds(5));
        using var second = await application.NewLogInAsync();
        application.Time.Advance(TimeSpan.FromSeconds(5));
        await first.MeAsync();

        using var third = await application.NewLogInAsync();

        Assert.That((await first.MeAsync(), await second.MeAsync(), await third.MeAsync()), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Unauthorized, HttpStatusCode.OK)));
    }

    private async Task<(HttpStatusCode, HttpStatusCode)> StatusesAsync() => (await _browser.MeAsync(), await _phone.MeAsync());

    private static async Task<Guid> IdAsync(Browser browser) => (await browser.ReadMeAsync())["session"]!.GetValue<Guid>();
}
