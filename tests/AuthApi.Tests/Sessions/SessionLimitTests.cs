using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Sessions;

/// <summary>How many sessions a user may have, and which one makes room.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class SessionLimitTests(TestedStore database)
{
    [Test]
    public async Task One_more_than_the_limit_ends_the_least_recently_used()
    {
        await using var application = new AuthApiApplication(settings: new() { ["Sessions:MaxPerUser"] = "3" }, store: database);
        var devices = new List<Browser>();
        await application.NewBrowser().RegisterAsync();
        for (var i = 0; i < 3; i++)
        {
            devices.Add(application.NewBrowser());
            await devices[i].LogInAsync();
            application.Time.Advance(TimeSpan.FromSeconds(2));
        }

        // The oldest is used again: known to this process, and not written yet.
        Assert.That(await devices[0].MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        application.Time.Advance(TimeSpan.FromSeconds(2));
        devices.Add(application.NewBrowser());
        await devices[3].LogInAsync();

        Assert.That(await devices[1].MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "the least recently used");
        foreach (var index in new[] { 0, 2, 3 })
        {
            Assert.That(await devices[index].MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        }

        using var activity = await devices[3].GetAsync("/me/activity/?limit=2");
        var items = (await activity.JsonAsync())["items"]!.AsArray();
        Assert.That(items.Select(item => item!["event"]!.GetValue<string>()), Is.EquivalentTo(new[] { "session_evicted", "signed_in" }));
        devices.ForEach(device => device.Dispose());
    }

    [Test]
    public async Task An_expired_session_takes_no_room()
    {
        await using var application = new AuthApiApplication(settings: new() { ["Sessions:MaxPerUser"] = "2", ["Sessions:CleanupInterval"] = "1.00:00:00" }, store: database);
        using var remembered = application.NewBrowser();
        await remembered.RegisterAsync();
        await remembered.LogInAsync(rememberMe: true);
        using var forgotten = application.NewBrowser();
        await forgotten.LogInAsync();
        application.Time.Advance(TimeSpan.FromMinutes(31));

        using var third = application.NewBrowser();
        await third.LogInAsync();

        Assert.That(await remembered.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await application.EventsAsync(1), Is.EquivalentTo(new[]
        {
            AuditEvent.SignedIn, AuditEvent.SignedIn, AuditEvent.SessionExpired, AuditEvent.SignedIn,
        }));
    }

    [Test]
    public async Task Logging_in_again_in_the_same_client_takes_no_room()
    {
        await using var application = new AuthApiApplication(settings: new() { ["Sessions:MaxPerUser"] = "2" }, store: database);
        using var browser = await application.NewLoggedInBrowserAsync();
        using var other = application.NewBrowser();
        await other.LogInAsync();

        for (var i = 0; i < 5; i++)
        {
            await browser.LogInAsync();
        }

        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await application.EventsAsync(1)).Count(what => what == AuditEvent.SessionEvicted), Is.Zero);
    }

    [Test]
    public async Task One_users_sessions_take_no_room_from_anothers()
    {
        await using var application = new AuthApiApplication(settings: new() { ["Sessions:MaxPerUser"] = "1" }, store: database);
        using var ada = await application.NewLoggedInBrowserAsync();
        using var bob = await application.NewLoggedInBrowserAsync("bob@example.com");

        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await bob.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }
}
