using System.Net;
using System.Text;
using AuthApi.Codes;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Accounts;

/// <summary>Changing a password, and setting a new one with a mailed code.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class PasswordTests(TestedStore database)
{
    private const string Ada = "ada@example.com";
    private const string Other = "staple battery horse correct";

    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [SetUp]
    public void SetUp()
    {
        _application = new AuthApiApplication(store: database);
        _browser = _application.NewBrowser();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [TestCase(SessionTransport.Cookie)]
    [TestCase(SessionTransport.Header)]
    public async Task A_change_ends_the_others_and_renews_this_token(SessionTransport transport)
    {
        using var caller = _application.NewBrowser(transport: transport);
        var id = await caller.RegisterAsync();
        var session = await caller.LogInAsync();
        using var other = _application.NewBrowser(transport: transport);
        await other.LogInAsync();
        using var copy = caller.Copy();

        // The call also renews a hash of an older kind.
        var hash = new PasswordHasher<ApplicationUser>().HashPassword(new ApplicationUser(), Browser.Password);
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(update => update.SetProperty(user => user.PasswordHash, hash)));

        using var response = await caller.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = Other });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        var renewed = await caller.KeepTokenAsync(response);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(renewed["id"]!.GetValue<string>(), Is.EqualTo(session["id"]!.GetValue<string>()));
            Assert.That(await caller.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "the old token");
            Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await LoginAsync(Browser.Password), Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await LoginAsync(Other), Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await _application.EventsAsync(id), Has.Member("PasswordChanged").And.Member("SessionRevoked"));
        }

        var message = await _application.NextMailAsync(Ada, "your password has been changed");
        Assert.That(message.TextBody, Does.Not.Contain(Other).And.Contain("UTC"));
    }

    [Test]
    public async Task A_change_needs_the_current_password_and_counts_wrong_ones()
    {
        var id = await _browser.RegisterAsync();
        await _browser.LogInAsync();

        for (var i = 0; i < 5; i++)
        {
            using var wrong = await _browser.PostAsync("/password/change/", new { currentPassword = "not the password", newPassword = Other });
            await wrong.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        }

        using var right = await _browser.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = Other });
        await right.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await _application.EventsAsync(id)).Count(name => name == "ReauthenticationFailed"), Is.EqualTo(6));
    }

    [TestCase("short")]
    [TestCase("aaaaaaaaaaaaaaaaaaaa")]
    public async Task A_new_password_follows_the_rules_of_registration(string password)
    {
        await _browser.RegisterAsync();
        await _browser.LogInAsync();
        using var change = await _browser.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = password });
        await change.ShouldBeInvalidAsync("newPassword");

        var code = await ForgetAsync();
        using var reset = await ResetAsync(code, password);
        await reset.ShouldBeInvalidAsync("newPassword");

        using var again = await ResetAsync(code);
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), "the code is still good");
    }

    [TestCase(SessionTransport.Cookie)]
    [TestCase(SessionTransport.Header)]
    public async Task A_reset_sets_the_password_and_ends_all_sessions(SessionTransport transport)
    {
        using var caller = _application.NewBrowser(transport: transport);
        var id = await caller.RegisterAsync();
        await caller.LogInAsync();

        using var reset = await ResetAsync(await ForgetAsync());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await reset.Content.ReadAsStringAsync());
            Assert.That(await caller.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await LoginAsync(Browser.Password), Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(await LoginAsync(Other), Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await _application.EventsAsync(id), Has.Member("PasswordReset"));
            Assert.That(await _application.QueryAsync(context => context.Users.Select(user => user.EmailConfirmed).SingleAsync()), Is.True);
        }

        await _application.NextMailAsync(Ada, "your password has been changed");
    }

    [Test]
    public async Task A_code_is_good_once()
    {
        await _browser.RegisterAsync();
        var code = await ForgetAsync();
        using var first = await ResetAsync(code);
        using var second = await ResetAsync(code);

        Assert.That(first.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        await second.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
    }

    [Test]
    public async Task Of_many_resets_with_one_code_one_succeeds()
    {
        await _browser.RegisterAsync();
        var code = await ForgetAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => ResetAsync(code, $"{Other} {i}")));

        Assert.That(answers.Count(answer => answer.StatusCode == HttpStatusCode.NoContent), Is.EqualTo(1));
        Assert.That(answers.Count(answer => answer.StatusCode == HttpStatusCode.BadRequest), Is.EqualTo(7));
    }

    [Test]
    public async Task A_code_may_be_typed_in_any_case_with_spaces()
    {
        await _browser.RegisterAsync();
        var code = await ForgetAsync();

        using var reset = await ResetAsync(" " + code.Replace('-', ' ').ToLowerInvariant().Replace('0', 'o').Replace('1', 'l') + " ");

        Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task An_expired_code_is_refused()
    {
        await _browser.RegisterAsync();
        var code = await ForgetAsync();

        _application.Time.Advance(OneTimeCodes.Lifetime);
        using var reset = await ResetAsync(code);

        await reset.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
    }

    [Test]
    public async Task Another_users_code_and_a_code_of_nobody_are_refused()
    {
        await _browser.RegisterAsync();
        await _browser.RegisterAsync("eve@example.com");
        var code = await ForgetAsync();

        foreach (var (email, given) in new[] { ("eve@example.com", code), ("nobody@example.com", code), (Ada, "7K3M-9QXW-2DTA"), (Ada, "nonsense") })
        {
            using var reset = await ResetAsync(given, email: email);
            await reset.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
        }

        using var right = await ResetAsync(code);
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task Five_wrong_codes_void_the_code()
    {
        await _browser.RegisterAsync();
        var code = await ForgetAsync();

        var wrong = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ResetAsync("7K3M-9QXW-2DTA")));
        Assert.That(wrong.Select(answer => answer.StatusCode), Has.All.EqualTo(HttpStatusCode.BadRequest));

        for (var i = 0; i < 2; i++)
        {
            using var right = await ResetAsync(code);
            await right.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
        }
    }

    [Test]
    public async Task A_later_code_supersedes_one_but_not_within_five_minutes()
    {
        await _browser.RegisterAsync();
        var first = await ForgetAsync();
        await AskAsync();
        await _application.MailIsQuietAsync();
        Assert.That(Directory.GetFiles(_application.MailFolder), Is.Empty, "one code in five minutes");

        _application.Time.Advance(OneTimeCodes.Quiet);
        var second = await ForgetAsync();

        using var old = await ResetAsync(first);
        await old.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
        using var current = await ResetAsync(second);
        Assert.That(current.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task A_change_of_the_password_voids_a_mailed_code()
    {
        await _browser.RegisterAsync();
        await _browser.LogInAsync();
        var code = await ForgetAsync();
        using var change = await _browser.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = Other });
        Assert.That(change.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        using var reset = await ResetAsync(code, "yet another password, a good one");

        await reset.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");

        // A code that is void keeps no other one back.
        using var again = await ResetAsync(await ForgetAsync(), "yet another password, a good one");
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task Forgot_answers_the_same_for_an_unknown_address()
    {
        await _browser.RegisterAsync();
        using var known = await _browser.PostAsync("/password/forgot/", new { email = Ada });
        using var unknown = await _browser.PostAsync("/password/forgot/", new { email = "nobody@example.com" });

        Assert.That((known.StatusCode, unknown.StatusCode), Is.EqualTo((HttpStatusCode.Accepted, HttpStatusCode.Accepted)));
        Assert.That(await known.Content.ReadAsStringAsync(), Is.EqualTo(await unknown.Content.ReadAsStringAsync()));
        Assert.That(known.Headers.Select(header => header.Key), Is.EquivalentTo(unknown.Headers.Select(header => header.Key)));

        await _application.NextCodeAsync();
        await _application.MailIsQuietAsync();
        Assert.That(Directory.GetFiles(_application.MailFolder), Is.Empty);
    }

    [Test]
    public async Task The_code_is_not_in_the_database()
    {
        await _browser.RegisterAsync();
        var code = await ForgetAsync();

        await _application.MailIsQuietAsync(); // the message has been sent, and its row deleted

        var stored = await _application.QueryAsync(ReadCodeAsync);
        Assert.That(stored.Keys, Is.SupersetOf(new[] { "Hash", "Data" }));
        foreach (var (column, value) in stored)
        {
            Assert.That(value, Does.Not.Contain(code).IgnoreCase.And.Not.Contain(code.Replace("-", "", StringComparison.Ordinal)).IgnoreCase, column);
        }

        Assert.That(await _application.QueryAsync(context => context.Set<MailMessage>().AnyAsync()), Is.False);

        // As the database has it: a column that the model does not know is read too.
        static async Task<Dictionary<string, string>> ReadCodeAsync(AuthDbContext context)
        {
            await context.Database.OpenConnectionAsync();
            await using var command = context.Database.GetDbConnection().CreateCommand();
            command.CommandText = """SELECT * FROM "OneTimeCodes" """;
            await using var reader = await command.ExecuteReaderAsync();
            Assert.That(await reader.ReadAsync(), Is.True);
            var row = Enumerable.Range(0, reader.FieldCount).ToDictionary(
                reader.GetName, i => reader.GetValue(i) is byte[] bytes ? Encoding.Latin1.GetString(bytes) : $"{reader.GetValue(i)}");
            Assert.That(await reader.ReadAsync(), Is.False);
            return row;
        }
    }

    [Test]
    public async Task A_reset_lifts_the_lock_of_wrong_passwords()
    {
        await _browser.RegisterAsync();
        for (var i = 0; i < 5; i++)
        {
            Assert.That(await LoginAsync("not the password"), Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        using var reset = await ResetAsync(await ForgetAsync());

        Assert.That(await LoginAsync(Other), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_disabled_account_gets_no_code_and_an_earlier_one_is_refused()
    {
        await _browser.RegisterAsync();
        var code = await ForgetAsync();

        // By hand: as an administrator does it, the codes are void anyway.
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(update => update.SetProperty(user => user.LockoutEnd, DateTimeOffset.MaxValue)));
        _application.Time.Advance(TimeSpan.FromMinutes(6));

        await AskAsync();
        await _application.MailIsQuietAsync();
        using var reset = await ResetAsync(code);

        Assert.That(Directory.GetFiles(_application.MailFolder), Is.Empty);
        await reset.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
    }

    [Test]
    public async Task A_reset_of_an_unconfirmed_account_takes_its_factors_away()
    {
        var id = await _browser.RegisterAsync();
        await _application.WithScopeAsync(async services =>
        {
            var users = services.GetRequiredService<UserManager<ApplicationUser>>();
            var user = (await users.FindByEmailAsync(Ada))!;
            await users.ResetAuthenticatorKeyAsync(user);
            await users.SetTwoFactorEnabledAsync(user, true);
            await users.AddLoginAsync(user, new UserLoginInfo("elsewhere", "squatter", null));
        });

        using var reset = await ResetAsync(await ForgetAsync());

        Assert.That(await LoginAsync(Other), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.QueryAsync(context => context.UserLogins.AnyAsync(login => login.UserId == id)), Is.False);
    }

    [Test]
    public async Task A_change_that_another_one_overtook_sets_no_password()
    {
        using var hasher = new HeldHasher();
        await using var application = new AuthApiApplication(hasher.Wrap, store: database);
        using var owner = await application.NewLoggedInBrowserAsync();
        using var thief = owner.Copy();

        // The thief of the password and the token, whose password is being checked while the owner sets another.
        hasher.Hold();
        var held = thief.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = "yet another password, a good one" });
        await hasher.Held;
        using var changed = await owner.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = Other });
        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await changed.Content.ReadAsStringAsync());
        hasher.Release();

        using var refused = await held;
        await refused.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        using var later = application.NewBrowser();
        await later.LogInAsync(password: Other);
        Assert.That(await owner.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_login_with_the_old_password_is_refused_after_a_change()
    {
        await _browser.RegisterAsync();
        await _browser.LogInAsync();
        var logins = Enumerable.Range(0, 8).Select(async _ =>
        {
            using var browser = _application.NewBrowser();
            using var response = await browser.PostAsync("/login/", new { email = Ada, password = Browser.Password });
            return (response.StatusCode, Me: await browser.MeAsync());
        }).ToList();

        using var change = await _browser.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = Other });
        Assert.That(change.StatusCode, Is.EqualTo(HttpStatusCode.OK), await change.Content.ReadAsStringAsync());
        await Task.WhenAll(logins);

        Assert.That((await _application.StoredSessionsAsync()), Has.Count.EqualTo(1), "the one that changed it");
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_change_that_a_reset_overtakes_changes_nothing()
    {
        // An intruder's request was authenticated before the reset, and goes on after it.
        const string intruders = "a password that an intruder sets";
        var gate = new Gate();
        await using var application = new AuthApiApplication(
            services => services.AddSingleton<IPasswordValidator<ApplicationUser>>(new HeldPassword(gate, intruders)), store: database);
        using var intruder = await application.NewLoggedInBrowserAsync();
        using var owner = application.NewBrowser();
        using var forgot = await owner.PostAsync("/password/forgot/", new { email = Ada });
        var code = await application.NextCodeAsync();
        gate.Close();
        var change = intruder.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = intruders });
        await gate.Reached;

        using var reset = await owner.PostAsync("/password/reset/", new { email = Ada, code, newPassword = Other });
        Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await reset.Content.ReadAsStringAsync());
        gate.Open();

        await (await change).ShouldBeNotAuthenticatedAsync();
        Assert.That(await intruder.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await application.StoredSessionsAsync(), Is.Empty);
        await owner.LogInAsync(password: Other);
    }

    [Test]
    public async Task Without_mail_the_call_names_the_setting_and_others_work()
    {
        await using var application = new AuthApiApplication(environment: "Production", settings: new() { ["Email:PickupDirectory"] = "" }, store: database);
        using var browser = await application.NewLoggedInBrowserAsync();

        using var forgot = await browser.PostAsync("/password/forgot/", new { email = Ada });
        var problem = await forgot.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "mail_not_configured");
        Assert.That(problem["title"]!.GetValue<string>(), Does.Contain("Email:Smtp:Host"));

        using var change = await browser.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = Other });
        Assert.That(change.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Links_begin_with_the_public_address_and_not_with_Host()
    {
        await using var application = new AuthApiApplication(settings: new() { ["Accounts:PublicUrl"] = "https://auth.example.com/" }, store: database);
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();

        using var forgot = await browser.SendAsync(
            HttpMethod.Post, "/password/forgot/", System.Net.Http.Json.JsonContent.Create(new { email = Ada }), request => request.Headers.Host = "evil.example");
        Assert.That(forgot.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        var message = await application.NextMailAsync(Ada, "set a new password");

        Assert.That(message.TextBody, Does.Contain("https://auth.example.com/account/#reset?email=ada%40example.com&code=").And.Not.Contain("evil"));
        Assert.That(message.HtmlBody, Does.Not.Contain("evil"));
    }

    private async Task AskAsync()
    {
        using var forgot = await _browser.PostAsync("/password/forgot/", new { email = Ada });
        Assert.That(forgot.StatusCode, Is.EqualTo(HttpStatusCode.Accepted), await forgot.Content.ReadAsStringAsync());
    }

    private async Task<string> ForgetAsync()
    {
        await AskAsync();
        return await _application.NextCodeAsync();
    }

    private async Task<HttpResponseMessage> ResetAsync(string code, string newPassword = Other, string email = Ada)
    {
        using var browser = _application.NewBrowser();
        return await browser.PostAsync("/password/reset/", new { email, code, newPassword });
    }

    private async Task<HttpStatusCode> LoginAsync(string password)
    {
        using var browser = _application.NewBrowser();
        using var response = await browser.PostAsync("/login/", new { email = Ada, password });
        return response.StatusCode;
    }

    // Holds the call that sets this password, before it is hashed.
    private sealed class HeldPassword(Gate gate, string held) : IPasswordValidator<ApplicationUser>
    {
        public Task<IdentityResult> ValidateAsync(UserManager<ApplicationUser> manager, ApplicationUser user, string? password) => password == held
            ? gate.PassAsync(() => Task.FromResult(IdentityResult.Success))
            : Task.FromResult(IdentityResult.Success);
    }
}
