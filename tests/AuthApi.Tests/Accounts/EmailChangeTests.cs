using System.Net;
using System.Text.RegularExpressions;
using AuthApi.Codes;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using SmtpServer.Protocol;

namespace AuthApi.Tests.Accounts;

/// <summary>Changing the address of an account.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class EmailChangeTests(TestedStore database)
{
    private const string Old = "ada@example.com";
    private const string New = "ada@lovelace.example";
    private const string Subject = "confirm your new address";

    private AuthApiApplication _application = null!;

    [SetUp]
    public void SetUp() => _application = new AuthApiApplication(store: database);

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [TestCase(SessionTransport.Cookie)]
    [TestCase(SessionTransport.Header)]
    public async Task A_change_ends_the_others_and_this_session_goes_on(SessionTransport transport)
    {
        using var caller = await _application.NewLoggedInBrowserAsync(transport: transport);
        using var other = _application.NewBrowser(transport: transport);
        await other.LogInAsync();

        await AskAsync(caller);
        var notice = await _application.NextMailAsync(Old, "a new address was asked for");
        using var confirmed = await ConfirmAsync(caller, await _application.NextCodeAsync(New, Subject));
        Assert.That(confirmed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await confirmed.Content.ReadAsStringAsync());

        using var me = await caller.GetAsync("/me/");
        var account = await me.JsonAsync();
        using var login = await _application.NewBrowser().PostAsync("/login/", new { email = Old, password = Browser.Password });
        using var asNew = _application.NewBrowser();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(notice.TextBody, Does.Contain("This was not me").And.Contain(New));
            Assert.That(account["email"]!.GetValue<string>(), Is.EqualTo(New));
            Assert.That(account["userName"]!.GetValue<string>(), Is.EqualTo(New));
            Assert.That(account["emailConfirmed"]!.GetValue<bool>(), Is.True);
            Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await _application.EventsAsync(account["id"]!.GetValue<int>()), Has.Member("EmailChanged"));
        }

        await asNew.LogInAsync(New);
        await _application.NextMailAsync(Old, "your address has been changed");
    }

    [Test]
    public async Task A_change_needs_a_recent_authentication()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        _application.Time.Advance(TimeSpan.FromMinutes(11));

        using var change = await caller.PostAsync("/email/change/", new { newEmail = New });

        await change.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
    }

    [Test]
    public async Task An_address_of_another_account_is_not_shown_to_be_one()
    {
        using var eve = await _application.NewLoggedInBrowserAsync(New);
        using var caller = await _application.NewLoggedInBrowserAsync();

        using var taken = await caller.PostAsync("/email/change/", new { newEmail = New });
        using var free = await caller.PostAsync("/email/change/", new { newEmail = "free@example.com" });

        Assert.That((taken.StatusCode, free.StatusCode), Is.EqualTo((HttpStatusCode.Accepted, HttpStatusCode.Accepted)));
        Assert.That(await taken.Content.ReadAsStringAsync(), Is.EqualTo(await free.Content.ReadAsStringAsync()));
        var message = await _application.NextMailAsync(New, "your address is in use");
        Assert.That(message.TextBody, Does.Not.Match("[0-9A-Z]{4}-[0-9A-Z]{4}"));
    }

    [Test]
    public async Task A_new_address_is_corrected_once_in_five_minutes()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        await AskAsync(caller, "mistyped@example.com");
        _application.Time.Advance(TimeSpan.FromSeconds(30));
        await AskAsync(caller, New);
        _application.Time.Advance(TimeSpan.FromSeconds(30));
        await AskAsync(caller, New); // mailed already

        using var third = await caller.PostAsync("/email/change/", new { newEmail = "stranger@example.com" });
        await third.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
        Assert.That(third.Headers.RetryAfter?.Delta, Is.EqualTo(OneTimeCodes.Quiet));
        using var confirmed = await ConfirmAsync(caller, await _application.NextCodeAsync(New, Subject));
        Assert.That(confirmed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), "the correction is good");

        // The next five minutes.
        await AskAsync(caller, "one@example.com");
        _application.Time.Advance(OneTimeCodes.Quiet);
        await AskAsync(caller, "two@example.com");
        _application.Time.Advance(TimeSpan.FromSeconds(1));
        await AskAsync(caller, "three@example.com");
    }

    [Test]
    public async Task An_address_that_was_taken_meanwhile_is_a_conflict()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        await AskAsync(caller);
        var code = await _application.NextCodeAsync(New, Subject);
        using var eve = await _application.NewLoggedInBrowserAsync(New);

        using var confirmed = await ConfirmAsync(caller, code);

        await confirmed.ShouldBeProblemAsync(HttpStatusCode.Conflict, "email_taken");
        Assert.That(await caller.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await eve.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task The_accounts_own_address_is_refused_in_any_case()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();

        using var same = await caller.PostAsync("/email/change/", new { newEmail = " ADA@Example.COM " });

        await same.ShouldBeInvalidAsync("newEmail");
    }

    [Test]
    public async Task A_code_is_for_its_address_and_its_account_and_once()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        using var eve = await _application.NewLoggedInBrowserAsync("eve@example.com");
        await AskAsync(caller);
        var code = await _application.NextCodeAsync(New, Subject);

        using var elsewhere = await ConfirmAsync(caller, code, "other@example.com");
        await elsewhere.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
        using var foreign = await ConfirmAsync(eve, code);
        await foreign.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
        using var right = await ConfirmAsync(caller, code.ToLowerInvariant(), New.ToUpperInvariant());
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        using var again = await ConfirmAsync(caller, code);
        await again.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
    }

    [Test]
    public async Task A_new_password_voids_a_change_that_was_asked_for()
    {
        using var thief = await _application.NewLoggedInBrowserAsync();
        await AskAsync(thief);
        var code = await _application.NextCodeAsync(New, Subject);

        using var owner = _application.NewBrowser();
        using var forgot = await owner.PostAsync("/password/forgot/", new { email = Old });
        using var reset = await owner.PostAsync(
            "/password/reset/", new { email = Old, code = await _application.NextCodeAsync(), newPassword = "staple battery horse correct" });
        Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));

        using var late = await ConfirmAsync(thief, code);
        await late.ShouldBeNotAuthenticatedAsync();
        using var back = _application.NewBrowser();
        await back.LogInAsync(password: "staple battery horse correct");
        using var stillVoid = await ConfirmAsync(back, code);
        await stillVoid.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
        Assert.That(await _application.QueryAsync(context => context.Set<OneTimeCode>().CountAsync(stored => stored.Purpose == CodePurpose.EmailChange)), Is.Zero, "nothing of it is kept");
    }

    [Test]
    public async Task The_old_address_is_notified_though_the_account_is_deleted()
    {
        await using var server = new MailServer();
        server.AnswerToAddress = address => address == Old ? new SmtpResponse((SmtpReplyCode)450, "not now") : SmtpResponse.Ok;
        await using var application = new AuthApiApplication(
            settings: new()
            {
                ["Email:From"] = "no-reply@example.com",
                ["Email:Smtp:Host"] = "localhost",
                ["Email:Smtp:Port"] = $"{server.Port}",
                ["Email:Smtp:Security"] = "None",
            },
            store: database);

        // A thief of the session moves the account to a mailbox of their own, and deletes it before the old one takes messages again.
        using var thief = await application.NewLoggedInBrowserAsync();
        await AskAsync(thief);
        var code = Regex.Match((await server.NextAsync()).TextBody!, "[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}").Value;
        using var confirmed = await ConfirmAsync(thief, code);
        Assert.That(confirmed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await confirmed.Content.ReadAsStringAsync());
        using var deleted = await thief.DeleteAsync("/me/");
        Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await deleted.Content.ReadAsStringAsync());
        var waiting = await application.QueryAsync(context => context.Set<MailMessage>().Where(message => message.To == Old).Select(message => message.Subject).ToListAsync());
        Assert.That(waiting, Has.Exactly(1).Contains("a new address was asked for").And.Exactly(1).Contains("your address has been changed"));

        server.AnswerToAddress = _ => SmtpResponse.Ok;
        var taken = new List<string>();
        for (var next = server.NextAsync(); taken.Count < 3; application.Time.Advance(TimeSpan.FromSeconds(6)))
        {
            if (await Task.WhenAny(next, Task.Delay(50)) == next)
            {
                taken.Add((await next).To.ToString());
                next = server.NextAsync();
            }
        }

        Assert.That(taken, Is.EquivalentTo(new[] { Old, Old, New }), "two notices, and the last message of the account");
    }

    private static async Task AskAsync(Browser browser, string newEmail = New)
    {
        using var change = await browser.PostAsync("/email/change/", new { newEmail });
        Assert.That(change.StatusCode, Is.EqualTo(HttpStatusCode.Accepted), await change.Content.ReadAsStringAsync());
    }

    private static Task<HttpResponseMessage> ConfirmAsync(Browser browser, string code, string newEmail = New) =>
        browser.PostAsync("/email/change/confirm/", new { newEmail, code });
}
