using System.Net;
using AuthApi.Accounts;
using AuthApi.Codes;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthApi.Tests.Accounts;

/// <summary>Confirming an address, and registrations that tell nobody whether an address is known.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class EmailConfirmationTests(TestedStore database)
{
    private const string Ada = "ada@example.com";
    private const string Confirm = "confirm your address";
    private const string Exists = "you have an account already";
    private const string Other = "staple battery horse correct";

    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [SetUp]
    public void SetUp()
    {
        _application = new AuthApiApplication(settings: new() { ["Accounts:RequireConfirmedEmail"] = "true" }, store: database);
        _browser = _application.NewBrowser();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task An_account_can_log_in_once_its_address_is_confirmed()
    {
        await RegisterAsync(userName: "ada");
        var code = await _application.NextCodeAsync(subject: Confirm);
        using var early = await LoginAsync();
        await early.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "email_not_confirmed");

        using var confirmed = await ConfirmAsync(code.ToLowerInvariant());
        Assert.That(confirmed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await confirmed.Content.ReadAsStringAsync());

        using var login = await LoginAsync();
        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var me = await _browser.GetAsync("/me/");
        var account = await me.JsonAsync();
        Assert.That(account["emailConfirmed"]!.GetValue<bool>(), Is.True);
        Assert.That(account["userName"]!.GetValue<string>(), Is.EqualTo("ada"));
        Assert.That(await _application.EventsAsync(account["id"]!.GetValue<int>()), Has.Member("EmailConfirmed"));

        using var again = await ConfirmAsync(code);
        Assert.That((string?)(await again.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code"))["title"], Does.Contain("Ask for another"));
    }

    [Test]
    public async Task A_wrong_password_is_not_told_that_the_address_is_unconfirmed()
    {
        await RegisterAsync();
        await _application.NextCodeAsync(subject: Confirm);

        using var login = await LoginAsync("not the password at all");

        await login.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [Test]
    public async Task A_disabled_account_and_an_old_request_get_no_message()
    {
        await RegisterAsync();
        await _application.NextCodeAsync(subject: Confirm);
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(update => update.SetProperty(user => user.LockoutEnd, DateTimeOffset.MaxValue)));
        _application.Time.Advance(TimeSpan.FromMinutes(6));

        // As it was stored before the program was down for an hour.
        var at = _application.Time.GetUtcNow() - OneTimeCodes.Lifetime;
        await _application.QueryAsync(context =>
        {
            context.Add(new CodeRequest { Id = Guid.CreateVersion7(at), Purpose = CodeRequest.Registration, Email = "eve@example.com", PasswordHash = "x", At = at });
            return context.SaveChangesAsync();
        });
        using var resent = await _browser.PostAsync("/email/confirm/resend/", new { email = Ada });
        Assert.That(resent.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        await _application.MailIsQuietAsync();
        await RegisterAsync();
        await _application.MailIsQuietAsync();

        Assert.That(Directory.GetFiles(_application.MailFolder), Is.Empty);
        Assert.That(await _application.QueryAsync(context => context.Users.CountAsync()), Is.EqualTo(1));
    }

    [Test]
    public async Task A_registration_answers_the_same_for_a_known_address()
    {
        await RegisterConfirmedAsync();
        using var known = await PostRegisterAsync(Ada);
        using var unknown = await PostRegisterAsync("eve@example.com");

        Assert.That((known.StatusCode, unknown.StatusCode), Is.EqualTo((HttpStatusCode.Accepted, HttpStatusCode.Accepted)));
        Assert.That(await known.Content.ReadAsStringAsync(), Is.EqualTo(await unknown.Content.ReadAsStringAsync()));
        Assert.That(known.Headers.Select(header => header.Key), Is.EquivalentTo(unknown.Headers.Select(header => header.Key)));

        await _application.NextCodeAsync(subject: Exists);
        await _application.NextCodeAsync("eve@example.com", Confirm);
    }

    [Test]
    public async Task A_registration_of_a_confirmed_account_changes_nothing()
    {
        await RegisterConfirmedAsync();
        await RegisterAsync(Other);
        await _application.NextMailAsync(Ada, Exists);

        using var squatter = await LoginAsync(Other);
        await squatter.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        using var owner = await LoginAsync();
        Assert.That(owner.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task The_owner_of_an_address_takes_an_account_over()
    {
        // A squatter registers first, and asks for a code again after the owner has registered.
        await RegisterAsync(Other, "squatter");
        var first = await _application.NextCodeAsync(subject: Confirm);
        await RegisterAsync();
        var code = await _application.NextCodeAsync(subject: Exists);
        await ResendAsync();
        await _application.MailIsQuietAsync();

        using var old = await ConfirmAsync(first);
        await old.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
        using var reset = await _browser.PostAsync("/password/reset/", new { email = Ada, code, newPassword = Browser.Password });
        Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await reset.Content.ReadAsStringAsync());

        using var squatter = await LoginAsync(Other);
        await squatter.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        using var owner = await LoginAsync();
        Assert.That(owner.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.QueryAsync(context => context.Users.Select(user => user.UserName).SingleAsync()), Is.EqualTo(Ada));
        Assert.That(Directory.GetFiles(_application.MailFolder).Select(File.ReadAllText), Has.None.Contains(Confirm));
    }

    [Test]
    public async Task A_squatter_who_registers_second_gets_nothing()
    {
        await RegisterAsync();
        await _application.NextCodeAsync(subject: Confirm);
        await RegisterAsync(Other, "squatter");
        var code = await _application.NextCodeAsync(subject: Exists);

        using var squatter = await LoginAsync(Other);
        await squatter.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        using var owner = await LoginAsync();
        await owner.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "email_not_confirmed");

        using var reset = await _browser.PostAsync("/password/reset/", new { email = Ada, code, newPassword = Browser.Password });
        Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    [Test]
    public async Task A_code_is_mailed_again_where_it_is_needed_only()
    {
        await RegisterAsync();
        var first = await _application.NextCodeAsync(subject: Confirm);
        _application.Time.Advance(OneTimeCodes.Quiet);
        await ResendAsync();
        var second = await _application.NextCodeAsync(subject: Confirm);
        using var old = await ConfirmAsync(first);
        await old.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
        using var confirmed = await ConfirmAsync(second);
        Assert.That(confirmed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));

        await ResendAsync();
        await ResendAsync("nobody@example.com");
        await _application.MailIsQuietAsync();
        Assert.That(Directory.GetFiles(_application.MailFolder), Is.Empty);
    }

    [Test]
    public async Task A_code_to_set_a_password_does_not_confirm_and_the_reverse()
    {
        await RegisterAsync();
        var confirm = await _application.NextCodeAsync(subject: Confirm);
        using var forgot = await _browser.PostAsync("/password/forgot/", new { email = Ada });
        var reset = await _application.NextCodeAsync();

        using var confirmed = await ConfirmAsync(reset);
        await confirmed.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
        using var set = await _browser.PostAsync("/password/reset/", new { email = Ada, code = confirm, newPassword = Other });
        await set.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");
    }

    [Test]
    public async Task A_registration_keeps_to_the_rules_of_passwords_and_names()
    {
        await RegisterConfirmedAsync("ada");
        using var guessable = await _browser.PostAsync("/register/", new { email = "eve@example.com", password = "short" });
        await guessable.ShouldBeInvalidAsync("password");
        using var name = await _browser.PostAsync("/register/", new { email = "eve@example.com", password = Browser.Password, userName = "ADA" });
        await name.ShouldBeProblemAsync(HttpStatusCode.Conflict, "user_name_taken");
    }

    [Test]
    public async Task Two_registrations_at_once_make_one_account()
    {
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => RegisterAsync()));
        await _application.MailIsQuietAsync();

        Assert.That(await _application.QueryAsync(context => context.Users.CountAsync()), Is.EqualTo(1));
        Assert.That(await _application.QueryAsync(context => context.Set<OneTimeCode>().CountAsync()), Is.GreaterThan(0));
    }

    [Test]
    public async Task Without_mail_nobody_can_register()
    {
        await using var application = new AuthApiApplication(
            environment: "Production", settings: new() { ["Accounts:RequireConfirmedEmail"] = "true", ["Email:PickupDirectory"] = "" }, store: database);
        using var browser = application.NewBrowser();

        foreach (var path in new[] { "/register/", "/email/confirm/resend/" })
        {
            using var response = await browser.PostAsync(path, new { email = Ada, password = Browser.Password });
            await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "mail_not_configured");
        }
    }

    [Test]
    public async Task Where_it_is_not_required_an_account_can_confirm_later()
    {
        await using var application = new AuthApiApplication(store: database);
        using var browser = await application.NewLoggedInBrowserAsync();
        using var resend = await browser.PostAsync("/email/confirm/resend/", new { email = Ada });
        var code = await application.NextCodeAsync(subject: Confirm);

        using var confirm = await browser.PostAsync("/email/confirm/", new { email = " ADA@example.com ", code });
        Assert.That(confirm.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));

        using var me = await browser.GetAsync("/me/");
        Assert.That((await me.JsonAsync())["emailConfirmed"]!.GetValue<bool>(), Is.True, "in the next request");
    }

    [Test]
    public async Task A_session_goes_on_where_its_address_must_be_confirmed()
    {
        await using var store = new KeptStore(database);
        Dictionary<string, string> cookies;
        await using (var before = store.Start(requiresConfirmation: false))
        {
            using var browser = await before.NewLoggedInBrowserAsync();
            cookies = browser.Cookies;
        }

        await using var application = store.Start(requiresConfirmation: true);
        using var caller = application.NewBrowser();
        cookies.ToList().ForEach(cookie => caller.Cookies[cookie.Key] = cookie.Value);
        using var login = await application.NewBrowser().PostAsync("/login/", new { email = Ada, password = Browser.Password });
        await login.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "email_not_confirmed");

        await caller.ReauthenticateAsync();
        using var changed = await caller.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = Other });
        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await changed.Content.ReadAsStringAsync());
        Assert.That(await FailuresAsync(), Is.Zero);

        using var wrong = await caller.PostAsync("/reauthenticate/", new { password = Browser.Password });
        await wrong.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        using var wrongChange = await caller.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = Browser.Password });
        await wrongChange.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        Assert.That(await FailuresAsync(), Is.EqualTo(2));
        using var right = await caller.PostAsync("/reauthenticate/", new { password = Other });
        Assert.That(await FailuresAsync(), Is.Zero);

        Task<int> FailuresAsync() => application.QueryAsync(context => context.Users.Select(user => user.AccessFailedCount).SingleAsync());
    }

    [Test]
    public async Task A_registration_again_takes_nothing_before_its_code_is_used()
    {
        await using var store = new KeptStore(database);
        Dictionary<string, string> cookies;
        using var authenticator = new SoftwareAuthenticator();
        await using (var before = store.Start(requiresConfirmation: false))
        {
            using var browser = await before.NewLoggedInBrowserAsync();
            using var options = await browser.PostAsync("/passkeys/options/");
            using var added = await browser.PostAsync("/passkeys/", new { credential = authenticator.Create(await options.JsonAsync()), name = "Phone" });
            using var setup = await browser.PostAsync("/two-factor/setup/");
            var app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), before.Time);
            using var enabled = await browser.PostAsync("/two-factor/enable/", new { code = app.Code() });
            Assert.That((added.StatusCode, enabled.StatusCode), Is.EqualTo((HttpStatusCode.Created, HttpStatusCode.OK)));
            cookies = browser.Cookies;
            await before.MailIsQuietAsync();
        }

        await using var application = store.Start(requiresConfirmation: true);
        using var first = application.NewBrowser();
        cookies.ToList().ForEach(cookie => first.Cookies[cookie.Key] = cookie.Value);
        using var second = application.NewBrowser();
        using var registered = await second.PostAsync("/register/", new { email = Ada, password = Other, userName = "countess" });
        Assert.That(registered.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        var code = await application.NextCodeAsync(subject: Exists);

        // Either of the two may be the stranger: nothing is lost, nothing is won, and no other code is mailed.
        var me = await first.GetJsonAsync("/me/");
        Assert.That(((bool?)me["twoFactorEnabled"], (bool?)me["emailConfirmed"]), Is.EqualTo((true, false)));
        Assert.That((await first.GetJsonAsync("/passkeys/"))["items"]!.AsArray(), Has.Count.EqualTo(1));
        await ShouldBeRefusedAsync(Browser.Password, HttpStatusCode.Forbidden, "email_not_confirmed");
        await ShouldBeRefusedAsync(Other, HttpStatusCode.Unauthorized, "invalid_credentials");
        using var resend = await second.PostAsync("/email/confirm/resend/", new { email = Ada });
        await application.MailIsQuietAsync();
        Assert.That(Directory.GetFiles(application.MailFolder).Select(File.ReadAllText), Has.None.Contains(Confirm));

        // The reader of the mailbox owns the address, and alone has a way in.
        const string owners = "a teapot under the western bridge";
        using var reset = await second.PostAsync("/password/reset/", new { email = Ada, code, newPassword = owners });
        Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await reset.Content.ReadAsStringAsync());
        Assert.That(await first.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        await ShouldBeRefusedAsync(Browser.Password, HttpStatusCode.Unauthorized, "invalid_credentials");
        using var assertion = await first.PostAsync("/login/passkey/options/");
        using var byPasskey = await first.PostAsync("/login/passkey/", new { credential = authenticator.Get(await assertion.JsonAsync()) });
        await byPasskey.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        await second.LogInAsync(password: owners);

        async Task ShouldBeRefusedAsync(string password, HttpStatusCode status, string problem)
        {
            using var login = await application.NewBrowser().PostAsync("/login/", new { email = Ada, password });
            await login.ShouldBeProblemAsync(status, problem);
        }
    }

    private async Task RegisterConfirmedAsync(string? userName = null)
    {
        await RegisterAsync(userName: userName);
        using var confirmed = await ConfirmAsync(await _application.NextCodeAsync(subject: Confirm));
        Assert.That(confirmed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    private async Task RegisterAsync(string password = Browser.Password, string? userName = null)
    {
        using var response = await PostRegisterAsync(Ada, password, userName);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Accepted), await response.Content.ReadAsStringAsync());
    }

    private Task<HttpResponseMessage> PostRegisterAsync(string email, string password = Browser.Password, string? userName = null) =>
        _browser.PostAsync("/register/", new { email, password, userName });

    private async Task ResendAsync(string email = Ada)
    {
        using var response = await _browser.PostAsync("/email/confirm/resend/", new { email });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
    }

    private Task<HttpResponseMessage> ConfirmAsync(string code) => _browser.PostAsync("/email/confirm/", new { email = Ada, code });

    private Task<HttpResponseMessage> LoginAsync(string password = Browser.Password) => _browser.PostAsync("/login/", new { email = Ada, password });

    /// <summary>A database that outlives its applications, as when a setting is changed.</summary>
    private sealed class KeptStore : IAsyncDisposable
    {
        private readonly TemporaryFolder _folder = new();
        private readonly TestedStore _store;
        private readonly string _connectionString;

        public KeptStore(TestedStore store)
        {
            store.Require();
            _store = store;
            var file = Path.Combine(_folder.Path, "auth.db");
            if (store == TestedStore.Sqlite)
            {
                MigratedDatabase.CopyTo(file);
            }

            _connectionString = store == TestedStore.Sqlite ? $"Data Source={file}" : MigratedDatabase.TakeOnServer();
        }

        public AuthApiApplication Start(bool requiresConfirmation) => new(
            settings: new() { ["ConnectionStrings:Auth"] = _connectionString, ["Accounts:RequireConfirmedEmail"] = $"{requiresConfirmation}" }, store: _store);

        public async ValueTask DisposeAsync()
        {
            if (_store == TestedStore.PostgreSql)
            {
                await MigratedDatabase.GiveBackAsync(new NpgsqlConnectionStringBuilder(_connectionString).Database!);
            }

            _folder.Dispose();
        }
    }
}
