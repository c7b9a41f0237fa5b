using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Audit;

[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class ActivityTests(TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void OneTimeSetUp() => database.Require();

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: database);
        _browser = await _application.NewLoggedInBrowserAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task The_owner_sees_the_latest_events_first()
    {
        using var stranger = _application.NewBrowser();
        using var guess = await stranger.PostAsync("/login/", new { email = "ada@example.com", password = "a guess" });
        using var phone = _application.NewBrowser();
        await phone.LogInAsync();
        await _browser.ReauthenticateAsync();
        using var others = await _browser.LogOutAsync("others");

        var items = (await PageAsync(""))["items"]!.AsArray();

        Assert.That(items.Select(item => item!["event"]!.GetValue<string>()), Is.EqualTo(new[]
        {
            "session_revoked", "reauthenticated", "signed_in", "sign_in_failed", "signed_in",
        }));
        Assert.That(items[0]!["reason"]!.GetValue<string>(), Is.EqualTo("logout_others"));
        Assert.That(items[0]!["bySessionId"]!.GetValue<string>(), Is.EqualTo(items[1]!["sessionId"]!.GetValue<string>()));
        Assert.That(items[3]!["at"]!.GetValue<DateTimeOffset>(), Is.EqualTo(_application.Time.GetUtcNow()));
    }

    [Test]
    public async Task Each_entry_has_the_address_and_the_device()
    {
        using var login = await _application.NewBrowser().SendAsync(
            HttpMethod.Post, "/login/", JsonContent.Create(new { email = "ada@example.com", password = "a guess" }),
            request => request.Headers.TryAddWithoutValidation("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"));

        var item = (await PageAsync("?limit=1"))["items"]![0]!;

        Assert.That(item["device"]!.GetValue<string>(), Is.EqualTo("Firefox on Linux"));
        Assert.That(item["userAgent"]!.GetValue<string>(), Does.StartWith("Mozilla/5.0"));
        Assert.That(item.AsObject().ContainsKey("ipAddress"), Is.True);
    }

    [Test]
    public async Task Pages_follow_one_another_without_gap_or_overlap()
    {
        for (var i = 0; i < 6; i++)
        {
            await _browser.ReauthenticateAsync();
        }

        var (ids, next, pages) = (new List<string>(), "", 0);
        do
        {
            var page = await PageAsync("?limit=3" + (next.Length > 0 ? "&before=" + next : ""));
            ids.AddRange(page["items"]!.AsArray().Select(item => item!["id"]!.GetValue<string>()));
            next = page["next"]?.GetValue<string>() ?? "";
            pages++;
        }
        while (next.Length > 0);

        Assert.That(pages, Is.EqualTo(3));
        Assert.That(ids, Has.Count.EqualTo(7).And.Unique);
        Assert.That(ids.Select(long.Parse), Is.Ordered.Descending);
    }

    [Test]
    public async Task No_user_sees_another_users_activity()
    {
        using var bob = await _application.NewLoggedInBrowserAsync("bob@example.com");

        using var response = await bob.GetAsync("/me/activity/");

        Assert.That((await response.JsonAsync())["items"]!.AsArray(), Has.Count.EqualTo(1));
    }

    [TestCase("limit=0", "limit")]
    [TestCase("limit=101", "limit")]
    [TestCase("limit=many", "limit")]
    [TestCase("limit=1&limit=2", "limit")]
    [TestCase("before=5&before=5", "before")]
    [TestCase("before=x", "before")]
    [TestCase("before=-1", "before")]
    [TestCase("before=99999999999999999999", "before")]
    public async Task An_invalid_query_is_refused(string query, string field)
    {
        using var response = await _browser.GetAsync("/me/activity/?" + query);

        await response.ShouldBeInvalidAsync(field);
    }

    [Test]
    public async Task A_guess_at_an_unknown_user_is_written_without_a_user()
    {
        using var guess = await _application.NewBrowser().PostAsync("/login/", new { email = "nobody@example.com", password = "a guess" });

        var entries = await _application.QueryAsync(context => context.Set<AuditEntry>().Where(entry => EF.Property<int?>(entry, "UserKey") == null).ToListAsync());
        Assert.That(entries.Single().Event, Is.EqualTo(AuditEvent.SignInFailed));
    }

    [Test]
    public async Task The_audit_trail_has_no_secret_and_no_forged_line()
    {
        const string forged = "Mozilla\u001b[31m evil";
        using var guess = await _application.NewBrowser().SendAsync(
            HttpMethod.Post, "/login/", JsonContent.Create(new { email = "ada@example.com\r\nsigned_in", password = "a guess" }),
            request => request.Headers.TryAddWithoutValidation("User-Agent", forged));
        await _browser.ReauthenticateAsync();

        var entries = await _application.QueryAsync(context => context.Set<AuditEntry>().AsNoTracking().ToListAsync());

        var text = string.Join("; ", entries.Select(entry => entry.ToString()));
        Assert.That(entries.Select(entry => entry.UserAgent), Has.Some.EqualTo("Mozilla [31m evil"));
        foreach (var secret in new[] { Browser.Password, "a guess", _browser.Token, "\u001b", "\r" })
        {
            Assert.That(text.Contains(secret, StringComparison.Ordinal), Is.False, secret);
        }
    }

    [Test]
    public async Task Entries_older_than_the_retention_are_deleted()
    {
        await _application.QueryAsync(context =>
        {
            foreach (var days in new[] { 179, 181 })
            {
                context.AddAuditEntry(new AuditEntry { At = _application.Time.GetUtcNow().AddDays(-days), Event = AuditEvent.SignInFailed, UserId = "1", SessionId = null });
            }

            return context.SaveChangesAsync();
        });

        _application.Time.Advance(TimeSpan.FromHours(1));

        Assert.That(
            () => _application.EventsAsync(1).Result.Count(what => what == AuditEvent.SignInFailed), Is.EqualTo(1).After(10_000, 20));
    }

    private async Task<JsonNode> PageAsync(string query)
    {
        using var response = await _browser.GetAsync("/me/activity/" + query);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }
}
