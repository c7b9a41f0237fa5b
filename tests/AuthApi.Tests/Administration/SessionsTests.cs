using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Administration;

/// <summary>The live sessions of an account and of everybody: what is listed is what ends.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class SessionsTests(TestedStore database)
{
    private const string Firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 Zoë's";

    private AuthApiApplication _application = null!;
    private Browser _root = null!;
    private int _rootId;

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: database);
        (_rootId, _root) = await _application.NewAdministratorAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _root.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task The_sessions_of_an_account_are_seen_and_ended()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        using var phone = _application.NewBrowser();
        var phoneId = (string)(await phone.LogInAsync())["id"]!;

        var listed = await _root.GetJsonAsync("/admin/users/2/sessions/");
        Assert.That(listed.Each<string>("id"), Is.Unique.And.Member(phoneId));
        Assert.That(listed.ToJsonString(), Does.Not.Contain(ada.Token).And.Not.Contain("oken"));

        await _root.DoAsync(HttpMethod.Delete, $"/admin/users/2/sessions/{phoneId}/");
        Assert.That((await ada.MeAsync(), await phone.MeAsync()), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Unauthorized)));
        using var again = await _root.DeleteAsync($"/admin/users/2/sessions/{phoneId}/");
        await again.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        using var other = await _root.DeleteAsync($"/admin/users/{_rootId}/sessions/{phoneId}/");
        await other.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");

        Assert.That(await _root.EndAsync("/admin/users/2/sessions/"), Is.EqualTo(1));
        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await _application.NextMailAsync("ada@example.com", "logged out")).TextBody, Does.Contain("on one device"));
        Assert.That(await _root.EndAsync("/admin/users/2/sessions/"), Is.Zero);
        using var nobody = await _root.DeleteAsync("/admin/users/999/sessions/");
        await nobody.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");

        // The administrator's own go on here.
        using var elsewhere = _application.NewBrowser();
        await elsewhere.LogInAsync("root@example.com");
        Assert.That(await _root.EndAsync($"/admin/users/{_rootId}/sessions/"), Is.EqualTo(1));
        Assert.That((await _root.MeAsync(), await elsewhere.MeAsync()), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Unauthorized)));

        var ends = (await _root.GetJsonAsync("/admin/audit/?event=sessions_ended"))["items"]!.AsArray();
        Assert.That(ends.Select(item => ((int?)item!["byUserId"], (int?)item["userId"], (string?)item["reason"])), Has.Member((_rootId, 2, "1")));
    }

    [Test]
    public async Task A_filter_ends_exactly_what_it_lists()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        using var fox = _application.NewBrowser();
        using var login = await fox.SendAsync(
            HttpMethod.Post, "/login/", JsonContent.Create(new { email = "ada@example.com", password = Browser.Password }), request => request.Headers.TryAddWithoutValidation("User-Agent", Firefox));
        _application.Time.Advance(TimeSpan.FromMinutes(5));
        await ada.MeAsync();
        var now = _application.Time.GetUtcNow();
        using var bob = await _application.NewLoggedInBrowserAsync("bob@example.com");
        await MoveAsync(3, "203.0.113.7");

        var before = Uri.EscapeDataString(now.AddMinutes(-1).ToString("o", CultureInfo.InvariantCulture));
        foreach (var (filter, total) in new[]
        {
            ("", 4), ("userId=2", 2), ("userId=99", 0), ("device=FIREFOX", 1), ("device=%25", 0), ("device=zo%C3%AB", 1), ("device=ZO%C3%8B", 1), ("device=zo%C3%A9", 0), ("ipAddress=203.0.113.7", 1), ("ipAddress=203.0.113.0/24", 1),
            ("ipAddress=198.51.100.0/24", 0), ($"createdBefore={before}", 3), ($"lastSeenBefore={before}", 1), ($"lastSeenBefore={before}&userId=2", 1),
        })
        {
            var page = await _root.GetJsonAsync($"/admin/sessions/?{filter}");
            Assert.That(((int?)page["total"], page["items"]!.AsArray().Count), Is.EqualTo((total, total)), filter);
        }

        Assert.That(await _root.EndAsync("/admin/sessions/?userId=99"), Is.Zero);
        Assert.That(await _root.EndAsync($"/admin/sessions/?lastSeenBefore={before}&userId=2"), Is.EqualTo(1), "the other one has been used since, as this process knows");
        Assert.That((await ada.MeAsync(), await fox.MeAsync()), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Unauthorized)));
        Assert.That(await _root.EndAsync("/admin/sessions/?ipAddress=203.0.113.0/24"), Is.EqualTo(1));
        Assert.That(await bob.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));

        // Without a filter everybody, and the caller last.
        Assert.That(await _root.EndAsync("/admin/sessions/"), Is.EqualTo(2));
        Assert.That((await ada.MeAsync(), _root.Cookies), Is.EqualTo((HttpStatusCode.Unauthorized, new Dictionary<string, string>())));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That(await _application.QueryAsync(context => context.Set<AuditEntry>().CountAsync(entry => entry.Event == "SessionsEnded")), Is.EqualTo(4));
    }

    [Test]
    public async Task Many_are_listed_and_ended_in_batches()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        await AddSessionsAsync(2, 1_234);

        var found = new List<string>();
        for (string? next = ""; next is not null;)
        {
            var page = await _root.GetJsonAsync($"/admin/sessions/?userId=2&limit=100{next}");
            Assert.That((int?)page["total"], Is.EqualTo(1_235));
            found.AddRange(page.Each<string>("id"));
            next = (string?)page["next"] is { } cursor ? $"&after={cursor}" : null;
        }

        Assert.That(found, Has.Count.EqualTo(1_235).And.Unique);
        Assert.That(await _root.EndAsync("/admin/sessions/?userId=2"), Is.EqualTo(1_235));
        Assert.That((await ada.MeAsync(), await _root.MeAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.OK)));
        Assert.That(await _application.QueryAsync(context => context.Set<AuditEntry>().CountAsync(entry => entry.Event == AuditEvent.SessionRevoked)), Is.EqualTo(1_235));
    }

    [Test]
    public async Task An_end_that_fails_half_way_records_what_has_ended()
    {
        var store = new GatedStore();
        await using var application = new AuthApiApplication(store.Wrap, store: database);
        var (_, root) = await application.NewAdministratorAsync();
        using var ada = await application.NewLoggedInBrowserAsync();
        await AddSessionsAsync(application, 2, 40);

        store.EndsLeft = 20;
        using var failed = await root.DeleteAsync("/admin/sessions/?userId=2");
        store.EndsLeft = int.MaxValue;

        await failed.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(await ReasonsAsync(), Is.EqualTo(new[] { "20" }));
        Assert.That(await root.EndAsync("/admin/sessions/?userId=2"), Is.EqualTo(21));
        Assert.That(await ReasonsAsync(), Is.EqualTo(new[] { "20", "21" }));
        var mails = new[] { await application.NextMailAsync("ada@example.com", "logged out"), await application.NextMailAsync("ada@example.com", "logged out") };
        Assert.That(mails.Select(mail => mail.TextBody), Has.One.Contains("20 devices").And.One.Contains("21 devices"));
        root.Dispose();

        Task<List<string?>> ReasonsAsync() => application.QueryAsync(context => context.Set<AuditEntry>()
            .Where(entry => entry.Event == "SessionsEnded").OrderBy(entry => entry.Id).Select(entry => entry.Reason).ToListAsync());
    }

    [Test]
    public async Task Sessions_that_began_by_a_clock_ahead_are_ended_too()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        var ahead = _application.Time.GetUtcNow().AddHours(1);
        await _application.QueryAsync(context => context.Set<UserSession>().ExecuteUpdateAsync(update => update.SetProperty(session => session.CreatedAt, ahead)));

        Assert.That(await _root.EndAsync("/admin/sessions/"), Is.EqualTo(2));

        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
    }

    [Test]
    public async Task A_bad_filter_is_a_clear_400_and_ends_nothing()
    {
        var next = (string?)(await _root.GetJsonAsync("/admin/sessions/?userId=1&limit=1"))["next"];
        Assert.That(next, Is.Null);
        foreach (var (query, field) in new[]
        {
            ("ipAddress=everywhere", "ipAddress"), ("ipAddress=203.0.113.0/99", "ipAddress"), ("ipAddress=127.1", "ipAddress"), ("userId=x", "userId"), ("userId=0x1", "userId"),
            ("createdBefore=yesterday", "createdBefore"), ("createdBefore=12:00", "createdBefore"), ("lastSeenBefore=2027-01-01T00:00:00", "lastSeenBefore"),
            ("device=a%00b", "device"), ($"device={new string('a', 10_240)}", "device"), ("after=x", "after"),
        })
        {
            using var list = await _root.GetAsync($"/admin/sessions/?{query}");
            await list.ShouldBeInvalidAsync(field);
            if (field != "after")
            {
                using var end = await _root.DeleteAsync($"/admin/sessions/?{query}");
                await end.ShouldBeInvalidAsync(field);
            }
        }

        // A filter with a name that is none, without a value or with two would select everybody.
        foreach (var (query, field) in new[] { ("user=2", "user"), ("userId=", "userId"), ("device=", "device"), ("userId=2&userId=3", "userId"),
            ("userId=%20", "userId"), ("device=%20", "device"), ("ipAddress=%09", "ipAddress"), ("createdBefore=%20", "createdBefore") })
        {
            using var mistyped = await _root.DeleteAsync($"/admin/sessions/?{query}");
            await mistyped.ShouldBeInvalidAsync(field);
        }

        Assert.That(await _root.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    private Task<int> MoveAsync(int userId, string address) => _application.QueryAsync(context => context.Set<UserSession>()
        .Where(session => EF.Property<int>(session, "UserKey") == userId).ExecuteUpdateAsync(update => update.SetProperty(session => session.IpAddress, address)));

    private Task<int> AddSessionsAsync(int userId, int count) => AddSessionsAsync(_application, userId, count);

    private static Task<int> AddSessionsAsync(AuthApiApplication application, int userId, int count) => application.QueryAsync(context =>
    {
        var now = application.Time.GetUtcNow();
        for (var i = 0; i < count; i++)
        {
            var session = context.Add(new UserSession
            {
                Id = Guid.CreateVersion7(now),
                UserId = userId.ToString(CultureInfo.InvariantCulture),
                TokenHash = SessionToken.Create().Hash,
                CreatedAt = now,
                LastSeenAt = now,
                IdleExpiresAt = now.AddMinutes(30),
                AbsoluteExpiresAt = now.AddHours(12),
                AuthenticatedAt = now,
                AuthenticationMethods = ["pwd"],
                Transport = SessionTransport.Cookie,
                RememberMe = false,
            });
            session.Property("UserKey").CurrentValue = userId;
        }

        return context.SaveChangesAsync();
    });
}
