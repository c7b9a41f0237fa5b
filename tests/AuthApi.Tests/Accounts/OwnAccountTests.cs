using System.Net;
using System.Net.Http.Json;
using AuthApi.Codes;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Accounts;

/// <summary>Changing, taking along and deleting one's own account.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class OwnAccountTests(TestedStore database)
{
    private AuthApiApplication _application = null!;

    [SetUp]
    public void SetUp() => _application = new AuthApiApplication(store: database);

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task A_user_name_is_changed_and_all_sessions_go_on()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var other = _application.NewBrowser();
        await other.LogInAsync();

        using var changed = await PatchAsync(browser, new { userName = "ada" });
        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var me = await other.GetAsync("/me/");

        Assert.That((await changed.JsonAsync())["userName"]!.GetValue<string>(), Is.EqualTo("ada"));
        Assert.That((await me.JsonAsync())["userName"]!.GetValue<string>(), Is.EqualTo("ada"));
        using var login = await _application.NewBrowser().PostAsync("/login/", new { userName = "ADA", password = Browser.Password });
        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_user_name_of_another_account_is_a_conflict()
    {
        using var eve = _application.NewBrowser();
        await eve.RegisterAsync("eve@example.com", userName: "eve");
        using var browser = await _application.NewLoggedInBrowserAsync();

        using var taken = await PatchAsync(browser, new { userName = "EVE" });
        await taken.ShouldBeProblemAsync(HttpStatusCode.Conflict, "user_name_taken");
        using var invalid = await PatchAsync(browser, new { userName = "a@b" });
        await invalid.ShouldBeInvalidAsync("userName");
        using var nothing = await PatchAsync(browser, new { userName = (string?)null });
        Assert.That(nothing.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase(SessionTransport.Cookie)]
    [TestCase(SessionTransport.Header)]
    public async Task A_deleted_account_leaves_nothing_personal(SessionTransport transport)
    {
        using var browser = await _application.NewLoggedInBrowserAsync(transport: transport);
        using var other = _application.NewBrowser(transport: transport);
        await other.LogInAsync();
        using var forgot = await other.PostAsync("/password/forgot/", new { email = "ada@example.com" });
        await _application.NextCodeAsync();

        using var deleted = await browser.DeleteAsync("/me/");

        Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await deleted.Content.ReadAsStringAsync());
        var entries = await _application.QueryAsync(context => context.Set<AuditEntry>().AsNoTracking().ToListAsync());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await _application.QueryAsync(context => context.Users.AnyAsync()), Is.False);
            Assert.That(await _application.QueryAsync(context => context.Set<OneTimeCode>().AnyAsync()), Is.False);
            Assert.That(await _application.QueryAsync(context => context.Set<MailMessage>().AnyAsync(message => message.UserId != null)), Is.False);
            Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
            Assert.That(entries.Select(entry => entry.Event), Has.Member("AccountDeleted"));
            Assert.That(entries.Where(entry => entry.IpAddress is not null || entry.UserAgent is not null), Is.Empty);
        }

        await _application.NextMailAsync("ada@example.com", "your account has been deleted");
        using var again = _application.NewBrowser();
        await again.RegisterAsync();
        await again.LogInAsync();
    }

    [Test]
    public async Task A_code_is_of_no_use_after_its_account_is_deleted()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var resend = await browser.PostAsync("/email/confirm/resend/", new { email = "ada@example.com" });
        var code = await _application.NextCodeAsync(subject: "confirm your address");
        using var stranger = _application.NewBrowser();

        var confirm = stranger.PostAsync("/email/confirm/", new { email = "ada@example.com", code });
        var delete = browser.DeleteAsync("/me/");
        await Task.WhenAll(confirm, delete);
        using var late = await stranger.PostAsync("/email/confirm/", new { email = "ada@example.com", code });

        Assert.That((await confirm).StatusCode, Is.EqualTo(HttpStatusCode.NoContent).Or.EqualTo(HttpStatusCode.BadRequest));
        Assert.That((await delete).StatusCode, Is.EqualTo(HttpStatusCode.NoContent).Or.EqualTo(HttpStatusCode.ServiceUnavailable));
        await late.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
    }

    [Test]
    public async Task The_export_has_what_is_held_and_no_secret()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var change = await browser.PostAsync("/email/change/", new { newEmail = "ada@lovelace.example" });
        await _application.MailIsQuietAsync();

        using var export = await browser.GetAsync("/me/export/");
        Assert.That(export.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(export.Content.Headers.ContentDisposition!.DispositionType, Is.EqualTo("attachment"));
        var text = await export.Content.ReadAsStringAsync();
        var json = await export.JsonAsync();
        var user = await _application.QueryAsync(context => context.Users.SingleAsync());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(json["account"]!["email"]!.GetValue<string>(), Is.EqualTo("ada@example.com"));
            Assert.That(json["sessions"]!.AsArray(), Has.Count.EqualTo(1));
            Assert.That(json["events"]!.AsArray().Select(entry => entry!["event"]!.GetValue<string>()), Has.Member("signed_in"));
            Assert.That(json["codes"]!.AsArray(), Has.Count.EqualTo(1));
            Assert.That(text, Does.Not.Contain(user.PasswordHash!).And.Not.Contain(user.SecurityStamp!));
            Assert.That(text, Does.Not.Contain(browser.Cookies.Values.Single()));
        }
    }

    [Test]
    public async Task All_three_need_a_recent_authentication()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        _application.Time.Advance(TimeSpan.FromMinutes(11));

        foreach (var method in new[] { HttpMethod.Patch, HttpMethod.Delete, HttpMethod.Get })
        {
            using var response = await browser.SendAsync(
                method, method == HttpMethod.Get ? "/me/export/" : "/me/", method == HttpMethod.Patch ? JsonContent.Create(new { userName = "ada" }) : null);
            await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
        }
    }

    private static Task<HttpResponseMessage> PatchAsync(Browser browser, object body) => browser.SendAsync(HttpMethod.Patch, "/me/", JsonContent.Create(body));
}
