using System.Globalization;
using System.Net;
using AuthApi.Audit;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AuthApi.Tests.Audit;

/// <summary>Everybody's events.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class AuditTests(TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _root = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: database);
        (_, _root) = await _application.NewAdministratorAsync();

        // That events are read is an event, once a minute: here and now it is written.
        await EventsAsync("limit=1");
        await EventsAsync("limit=1");
    }

    [TearDown]
    public async Task TearDown()
    {
        _root.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task Events_are_found_by_account_kind_and_time()
    {
        var began = _application.Time.GetUtcNow();
        using var ada = await _application.NewLoggedInBrowserAsync();
        using var guess = await ada.PostAsync("/login/", new { email = "ada@example.com", password = "a guess" });
        _application.Time.Advance(TimeSpan.FromMinutes(1));
        using var left = await ada.LogOutAsync();

        Assert.That(await EventsAsync("userId=2"), Is.EqualTo(new[] { "signed_out", "sign_in_failed", "signed_in" }));
        Assert.That(await EventsAsync("event=sign_in_failed"), Is.EqualTo(new[] { "sign_in_failed" }));
        Assert.That(await EventsAsync("event=nothing"), Is.Empty);
        Assert.That(await EventsAsync($"to={Uri.EscapeDataString(began.AddSeconds(1).ToString("o", CultureInfo.InvariantCulture))}&userId=2"), Is.EqualTo(new[] { "sign_in_failed", "signed_in" }));
        Assert.That(await EventsAsync($"from={Uri.EscapeDataString(began.AddSeconds(1).ToString("o", CultureInfo.InvariantCulture))}"), Is.EqualTo(new[] { "events_read", "events_read", "signed_out" }), "of the account, and of all");

        // In pages, backwards and forwards.
        var backwards = await FollowAsync("limit=2", "before", null);
        Assert.That(backwards, Is.EqualTo(await EventsAsync("limit=100")));
        Assert.That(await FollowAsync("limit=2", "after", "0"), Is.EqualTo(Enumerable.Reverse(backwards)));
        Assert.That(await FollowAsync("limit=2&event=signed_in", "after", "0"), Is.EqualTo(new[] { "signed_in", "signed_in" }));

        foreach (var (query, field) in new[] { ("before=x", "before"), ("after=-1", "after"), ("before=1&after=1", "after"), ("event=Signed%20In", "event"), ("event=%00", "event"), ("from=x", "from"), ("limit=0", "limit") })
        {
            using var response = await _root.GetAsync($"/admin/audit/?{query}");
            await response.ShouldBeInvalidAsync(field);
        }
    }

    [Test]
    public async Task A_page_of_one_time_looks_through_a_million_ids_at_most()
    {
        var at = _application.Time.GetUtcNow().AddDays(1);
        await _application.QueryAsync(context =>
        {
            context.AddAuditEntry(new AuditEntry { Id = 1_500_000, At = at, Event = "Written", UserId = null, SessionId = null });
            return context.SaveChangesAsync();
        });

        var from = $"from={Uri.EscapeDataString(at.ToString("o", CultureInfo.InvariantCulture))}";
        var first = await _root.GetJsonAsync($"/admin/audit/?after=0&{from}");
        Assert.That((first.Each<string>("event").Count(), (string?)first["next"]), Is.EqualTo((0, "1000000")));
        Assert.That((await _root.GetJsonAsync($"/admin/audit/?after=1000000&{from}")).Each<string>("event"), Is.EqualTo(new[] { "written" }));
        Assert.That((await _root.GetJsonAsync("/admin/audit/?after=0")).Each<string>("event"), Has.Member("written"), "without a time");
    }

    [Test]
    public async Task Nobody_who_follows_misses_an_event_or_gets_one_twice()
    {
        using var stop = new CancellationTokenSource();
        var followed = new List<long>();
        var follower = Task.Run(async () =>
        {
            for (var after = 0L; ;)
            {
                var isLast = stop.IsCancellationRequested;
                var page = await _root.GetJsonAsync($"/admin/audit/?after={after}&limit=50");
                var ids = page.Each<string>("id").Select(id => long.Parse(id, CultureInfo.InvariantCulture)).ToList();
                followed.AddRange(ids);
                after = long.Parse((string)page["next"]!, CultureInfo.InvariantCulture);
                if (isLast && ids.Count == 0)
                {
                    return;
                }
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var i = 0; i < 40; i++)
            {
                await _application.QueryAsync(context =>
                {
                    context.AddAuditEntry(new AuditEntry { At = _application.Time.GetUtcNow(), Event = "Written", UserId = null, SessionId = null });
                    return context.SaveChangesAsync();
                });
            }
        }));
        await stop.CancelAsync();
        await follower;

        Assert.That(followed, Is.EqualTo(await _application.QueryAsync(context => context.Set<AuditEntry>().OrderBy(entry => entry.Id).Select(entry => entry.Id).ToListAsync())));
        Assert.That(followed, Has.Count.GreaterThanOrEqualTo(320));
    }

    [Test]
    public async Task A_refused_call_is_recorded_once_a_minute_for_each_kind()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        using var stranger = _application.NewBrowser();
        for (var i = 0; i < 3; i++)
        {
            using var forbidden = await ada.GetAsync("/admin/users/");
            using var other = await ada.DeleteAsync("/admin/sessions/");
            using var unknown = await stranger.GetAsync("/admin/audit/");
            Assert.That((forbidden.StatusCode, other.StatusCode, unknown.StatusCode), Is.EqualTo((HttpStatusCode.Forbidden, HttpStatusCode.Forbidden, HttpStatusCode.Unauthorized)));
        }

        using var mine = await ada.GetAsync("/me/");
        var refused = (await _root.GetJsonAsync("/admin/audit/?event=administration_refused"))["items"]!.AsArray();
        Assert.That(refused.Select(item => ((string?)item!["reason"], (int?)item["userId"])), Is.EquivalentTo(new (string?, int?)[] { ("forbidden", 2), ("not_authenticated", null) }));

        _application.Time.Advance(TimeSpan.FromMinutes(1));
        using var again = await ada.GetAsync("/admin/users/");
        Assert.That(await EventsAsync("event=administration_refused"), Has.Exactly(3).Items);
    }

    [Test]
    public async Task Refusals_elsewhere_and_reads_are_recorded_too()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        _application.Time.Advance(TimeSpan.FromMinutes(11));
        for (var i = 0; i < 3; i++)
        {
            using var late = await ada.DeleteAsync("/me/");
            using var crossSite = await ada.SendAsync(HttpMethod.Post, "/logout/", change: static request => request.Headers.Add("Sec-Fetch-Site", "cross-site"));
            Assert.That((late.StatusCode, crossSite.StatusCode), Is.EqualTo((HttpStatusCode.Forbidden, HttpStatusCode.Forbidden)));
            foreach (var path in new[] { "/admin/users/", "/admin/users/2/", "/admin/users/1/", "/admin/users/2/sessions/", "/admin/sessions/", "/admin/sessions/?userId=2" })
            {
                await _root.GetJsonAsync(path);
            }
        }

        var refused = (await _root.GetJsonAsync("/admin/audit/?event=access_refused"))["items"]!.AsArray();
        Assert.That(
            refused.Select(item => ((string?)item!["reason"], (int?)item["userId"])),
            Is.EquivalentTo(new (string?, int?)[] { ("reauthentication_required", 2), ("cross_site_request", null) }));
        var read = (await _root.GetJsonAsync("/admin/audit/?limit=100"))["items"]!.AsArray().Where(item => ((string)item!["event"]!).EndsWith("_read", StringComparison.Ordinal)).ToList();
        Assert.That(read.Select(item => ((int?)item!["byUserId"], (int?)item["userId"])), Is.All.EqualTo(((int?)1, (int?)null)));
        Assert.That(
            read.Select(item => $"{item!["event"]} {item["reason"]}").Skip(1),
            Is.EquivalentTo(new[] { "users_read ", "user_read 2", "user_read 1", "user_sessions_read 2", "sessions_read ", "sessions_read 2", "events_read " }), "and the one before this");
        Assert.That((await ada.GetJsonAsync("/me/activity/")).Each<string>("event"), Is.EqualTo(new[] { "access_refused", "signed_in" }));

        // A flood of clients is none of writes.
        var events = _application.Services.GetRequiredService<BoundedEvents>();
        for (var i = 0; i < BoundedEvents.MaxClients + 100; i++)
        {
            var context = new DefaultHttpContext();
            context.Connection.RemoteIpAddress = new IPAddress(0x0100_0000 + i);
            events.RecordRefusal(context, AdministrationEvent.AccessRefused, "flood");
        }

        await events.WriteAsync();
        Assert.That(
            await _application.QueryAsync(context => context.Set<AuditEntry>().CountAsync(entry => entry.Reason == "flood")),
            Is.EqualTo(BoundedEvents.MaxClients - refused.Count));

        // What cannot be written waits for the store.
        var factory = new Mock<IDbContextFactory<AuthDbContext>>();
        factory.SetupSequence(contexts => contexts.CreateDbContextAsync(default))
            .ThrowsAsync(new TimeoutException())
            .Returns(() => _application.Services.GetRequiredService<IDbContextFactory<AuthDbContext>>().CreateDbContextAsync());
        using var waiting = new BoundedEvents(
            factory.Object, Mock.Of<IUserSessionStore>(store => store.IsOutOfReach(It.IsAny<TimeoutException>()) == true), _application.Time, NullLogger<BoundedEvents>.Instance);
        waiting.RecordRefusal(new DefaultHttpContext(), AdministrationEvent.AccessRefused, "waited");
        foreach (var written in new[] { 0, 1 })
        {
            await waiting.WriteAsync();
            Assert.That(await _application.QueryAsync(context => context.Set<AuditEntry>().CountAsync(entry => entry.Reason == "waited")), Is.EqualTo(written));
        }
    }

    private async Task<List<string>> EventsAsync(string query) => [.. (await _root.GetJsonAsync($"/admin/audit/?{query}")).Each<string>("event")];

    private async Task<List<string>> FollowAsync(string query, string direction, string? from)
    {
        var events = new List<string>();
        while (true)
        {
            var page = await _root.GetJsonAsync($"/admin/audit/?{query}{(from is null ? "" : $"&{direction}={from}")}");
            events.AddRange(page.Each<string>("event"));
            var next = (string?)page["next"];
            if (next is null || (direction == "after" && page["items"]!.AsArray().Count == 0))
            {
                return events;
            }

            from = next;
        }
    }
}
