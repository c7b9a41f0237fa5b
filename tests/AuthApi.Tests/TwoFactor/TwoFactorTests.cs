using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using AuthApi.Codes;
using AuthApi.Factors;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.TwoFactor;

/// <summary>Authenticator apps and recovery codes.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class TwoFactorTests(TestedStore database)
{
    private const string Ada = "ada@example.com";

    private AuthApiApplication _application = null!;

    [SetUp]
    public void SetUp() => _application = new AuthApiApplication(store: database);

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [TestCase(SessionTransport.Cookie)]
    [TestCase(SessionTransport.Header)]
    public async Task An_app_is_set_up_and_asked_for_until_it_is_removed(SessionTransport transport)
    {
        using var caller = await _application.NewLoggedInBrowserAsync(transport: transport);
        using var other = _application.NewBrowser(transport: transport);
        await other.LogInAsync();

        var (app, codes) = await EnableAsync(caller);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(codes, Has.Length.EqualTo(10).And.Unique);
            Assert.That(await StatusAsync(caller), Is.EqualTo((true, 10)));
            Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "another session");
            Assert.That((await MeAsync(caller))["twoFactorEnabled"]!.GetValue<bool>(), Is.True);
            Assert.That(Methods((await MeAsync(caller))["session"]!), Is.EqualTo("pwd otp"), "the code proved who they are");
        }

        await _application.NextMailAsync(Ada, "an authenticator app was added");
        using var without = await LogInAsync(other);
        await without.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "two_factor_required");
        using var used = await LogInAsync(other, app.Code());
        await used.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");

        _application.Time.Advance(TimeSpan.FromSeconds(30));
        using var login = await LogInAsync(other, app.Code());
        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK), await login.Content.ReadAsStringAsync());
        var session = await other.KeepTokenAsync(login);
        Assert.That(Methods(session), Is.EqualTo("pwd otp"));

        using var disabled = await caller.PostAsync("/two-factor/disable/");
        using var again = await caller.PostAsync("/two-factor/disable/");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(disabled.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await disabled.Content.ReadAsStringAsync());
            Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
            Assert.That(await StatusAsync(caller), Is.EqualTo((false, 0)));
            Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(
                (await _application.EventsAsync(1)).Where(name => name is "TwoFactorEnabled" or "SignInFailed" or "TwoFactorDisabled"),
                Is.EqualTo(new[] { "TwoFactorEnabled", "SignInFailed", "TwoFactorDisabled" }));
        }

        await _application.NextMailAsync(Ada, "the authenticator app was removed");
        await other.LogInAsync();
    }

    [Test]
    public async Task The_session_that_changes_the_factor_goes_on()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();

        // As an earlier version indexed the name: the change writes it in the form of today.
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(update => update.SetProperty(user => user.NormalizedUserName, "AN OLDER FORM")));

        await EnableAsync(caller);

        Assert.That(await caller.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task The_set_up_has_the_key_in_three_forms()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        using var early = await caller.PostAsync("/two-factor/enable/", new { code = "123456" });
        await early.ShouldBeProblemAsync(HttpStatusCode.Conflict, "setup_required");

        using var response = await caller.PostAsync("/two-factor/setup/");
        var setup = await response.JsonAsync();
        var key = setup["sharedKey"]!.GetValue<string>();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(key, Does.Match("^[A-Z2-7]{32}$"));
            Assert.That(
                setup["authenticatorUri"]!.GetValue<string>(),
                Is.EqualTo($"otpauth://totp/AuthApi:ada%40example.com?secret={key}&issuer=AuthApi&algorithm=SHA1&digits=6&period=30"));
            Assert.That(XDocument.Parse(setup["qrCodeSvg"]!.GetValue<string>()).Root!.Name.LocalName, Is.EqualTo("svg"));
            Assert.That(await StatusAsync(caller), Is.EqualTo((false, 0)), "nothing has changed yet");
        }

        using var wrong = await caller.PostAsync("/two-factor/enable/", new { code = new AuthenticatorApp(key, _application.Time).WrongCode() });
        Assert.That((string?)(await wrong.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code"))["title"], Does.Contain("the app shows now"));
        using var missing = await caller.PostAsync("/two-factor/enable/", new { });
        await missing.ShouldBeInvalidAsync("code");

        // The key is not in the database in clear.
        var stored = await _application.QueryAsync(context => context.UserTokens.Select(token => token.Value!).SingleAsync());
        Assert.That(Convert.FromBase64String(stored), Has.Length.GreaterThan(60));
        Assert.That(stored, Does.Not.Contain(key));
    }

    [Test]
    public async Task Each_code_is_accepted_once_and_no_earlier_one_after_it()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        var (app, _) = await EnableAsync(caller);
        using var other = _application.NewBrowser();

        // Of the step after this one, of many at once.
        _application.Time.Advance(TimeSpan.FromMinutes(1));
        var code = app.Code(1);
        var logins = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => LogInAsync(_application.NewBrowser(), code)));
        Assert.That(logins.Count(login => login.StatusCode == HttpStatusCode.OK), Is.EqualTo(1));

        foreach (var step in new[] { -1, 0, 1, 2 })
        {
            using var refused = await LogInAsync(other, app.Code(step));
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), $"the step {step}");
        }
    }

    [Test]
    public async Task Wrong_codes_count_with_wrong_passwords_and_lock()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        var (app, codes) = await EnableAsync(caller);
        _application.Time.Advance(TimeSpan.FromMinutes(1));
        using var guesser = _application.NewBrowser();
        for (var i = 0; i < 3; i++)
        {
            using var wrong = await LogInAsync(guesser, app.WrongCode());
            await wrong.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        }

        using var wrongRecovery = await LogInAsync(guesser, recoveryCode: "7K3M-9QXW-2DTA-4F8H-0YBC-6RVN");
        await wrongRecovery.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        using var wrongPassword = await guesser.PostAsync("/login/", new { email = Ada, password = "not the password at all" });
        Assert.That(wrongPassword.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));

        // Locked: nothing is accepted, and nothing is used up.
        using var right = await LogInAsync(guesser, app.Code());
        await right.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        using var rightRecovery = await LogInAsync(guesser, recoveryCode: codes[0]);
        await rightRecovery.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        Assert.That(await StatusAsync(caller), Is.EqualTo((true, 10)), "the owner's session goes on");

        _application.Time.Advance(TimeSpan.FromMinutes(6));
        using var later = await LogInAsync(guesser, app.Code());
        Assert.That(later.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(
            await _application.QueryAsync(context => context.Set<AuditEntry>().Where(entry => entry.Event == "SignInFailed").Select(entry => entry.Reason).Distinct().ToListAsync()),
            Is.EquivalentTo(new[] { "wrong_factor", null }));
    }

    [Test]
    public async Task A_right_code_that_ends_after_the_lock_is_refused()
    {
        var key = new HeldKey();
        await using var application = new AuthApiApplication(key.Wrap, store: database);
        using var caller = await application.NewLoggedInBrowserAsync();
        using var setup = await caller.PostAsync("/two-factor/setup/");
        var app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), application.Time);
        (await caller.PostAsync("/two-factor/enable/", new { code = app.Code() })).Dispose();
        application.Time.Advance(TimeSpan.FromMinutes(1));

        // Its password was right, and the account was not locked yet.
        key.Hold();
        var guess = LogInAsync(application.NewBrowser(), app.Code());
        await key.Held;
        using var stranger = application.NewBrowser();
        for (var i = 0; i < 5; i++)
        {
            (await stranger.PostAsync("/login/", new { email = Ada, password = "not the password at all" })).Dispose();
        }

        key.Release();
        using var refused = await guess;
        await refused.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [Test]
    public async Task A_wrong_code_after_the_right_password_is_mailed_once_an_hour()
    {
        const string subject = "your password was given with a wrong code";
        using var caller = await _application.NewLoggedInBrowserAsync();
        var (app, _) = await EnableAsync(caller);
        await _application.NextMailAsync(Ada, "an authenticator app was added");
        await _application.NextMailAsync(Ada, "confirm your address");
        _application.Time.Advance(TimeSpan.FromMinutes(1));

        // Neither of a wrong password, nor of the first step of a login.
        using var guesser = _application.NewBrowser();
        using var wrongPassword = await guesser.PostAsync("/login/", new { email = Ada, password = "not the password at all", twoFactorCode = app.WrongCode() });
        using var firstStep = await LogInAsync(guesser);
        await ShouldBeQuietAsync();

        var wrong = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => LogInAsync(_application.NewBrowser(), app.WrongCode())));
        Assert.That(wrong.Select(response => response.StatusCode), Is.All.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await _application.NextMailAsync(Ada, subject)).TextBody, Does.Contain("somebody knows your password").And.Contain("They were not let in"));
        await ShouldBeQuietAsync();

        _application.Time.Advance(TimeSpan.FromHours(1));
        using var later = await LogInAsync(guesser, recoveryCode: "7K3M-9QXW-2DTA-4F8H-0YBC-6RVN");
        await later.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        await _application.NextMailAsync(Ada, subject);
        await ShouldBeQuietAsync();
    }

    [Test]
    public async Task A_message_shows_the_address_as_people_write_it()
    {
        await using var application = new AuthApiApplication(services => services.AddSingleton<IStartupFilter, ClientAddress>(), store: database);
        using var caller = await application.NewLoggedInBrowserAsync();
        string[] codes = [];
        await application.WithScopeAsync(async services =>
        {
            var user = await services.GetRequiredService<UserManager<ApplicationUser>>().FindByEmailAsync(Ada);
            user!.TwoFactorEnabled = true;
            codes = [.. await services.GetRequiredService<RecoveryCodes>().CreateAsync(user)];
            await services.GetRequiredService<AuthDbContext>().SaveChangesAsync();
        });

        using var login = await caller.SendAsync(
            HttpMethod.Post,
            "/login/",
            JsonContent.Create(new { email = Ada, password = Browser.Password, twoFactorRecoveryCode = codes[0] }),
            request => request.Headers.Add(ClientAddress.Header, "::ffff:203.0.113.7"));

        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK), await login.Content.ReadAsStringAsync());
        Assert.That((await application.NextMailAsync(Ada, "a recovery code was used")).TextBody, Does.Contain("203.0.113.7").And.Not.Contain("ffff"));
    }

    [Test]
    public async Task A_mailed_code_removes_factors_of_an_unconfirmed_account()
    {
        const string other = "staple battery horse correct";
        const string bob = "bob@example.com";
        const string subject = "confirm your address";
        foreach (var email in new[] { Ada, bob })
        {
            using var caller = await _application.NewLoggedInBrowserAsync(email);
            await EnableAsync(caller);
            var asked = await _application.NextMailAsync(email, subject);
            Assert.That(asked.TextBody, Does.Contain("anybody who reads this mailbox can set a new password"));

            // The passkey is not the first factor for which a code was mailed within five minutes.
            _application.Time.Advance(OneTimeCodes.Quiet);
            using var authenticator = new SoftwareAuthenticator();
            using var options = await caller.PostAsync("/passkeys/options/");
            using var added = await caller.PostAsync("/passkeys/", new { credential = authenticator.Create(await options.JsonAsync()), name = "Phone" });
            Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created));
            var code = await _application.NextCodeAsync(email, subject);
            if (email == bob)
            {
                using var confirmed = await caller.PostAsync("/email/confirm/", new { email, code });
                Assert.That(confirmed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
            }

            using var reader = _application.NewBrowser();
            using var forgot = await reader.PostAsync("/password/forgot/", new { email });
            using var reset = await reader.PostAsync("/password/reset/", new { email, code = await _application.NextCodeAsync(email), newPassword = other });
            Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await reset.Content.ReadAsStringAsync());
            using var login = await reader.PostAsync("/login/", new { email, password = other });
            Assert.That(login.StatusCode, Is.EqualTo(email == bob ? HttpStatusCode.Unauthorized : HttpStatusCode.OK), email);
            using var assertion = await _application.NewBrowser().PostAsync("/login/passkey/options/");
            using var byPasskey = await _application.NewBrowser().PostAsync("/login/passkey/", new { credential = authenticator.Get(await assertion.JsonAsync()) });
            Assert.That(byPasskey.StatusCode, Is.EqualTo(email == bob ? HttpStatusCode.OK : HttpStatusCode.Unauthorized), email);
        }
    }

    [Test]
    public async Task A_hundred_wrong_codes_in_a_row_are_the_last()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        var (app, codes) = await EnableAsync(caller);
        using var authenticator = new SoftwareAuthenticator();
        using var options = await caller.PostAsync("/passkeys/options/");
        (await caller.PostAsync("/passkeys/", new { credential = authenticator.Create(await options.JsonAsync()), name = "Phone" })).Dispose();
        using var guesser = _application.NewBrowser();
        await ShouldBeginAgainAsync(async () =>
        {
            using var assertion = await guesser.PostAsync("/login/passkey/options/");
            using var byPasskey = await guesser.PostAsync("/login/passkey/", new { credential = authenticator.Get(await assertion.JsonAsync()) });
            Assert.That(byPasskey.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        });
        await ShouldBeginAgainAsync(() => ShouldLogInAsync("in a row"));

        // Five a lock, as fast as it lets.
        for (var guess = 1; guess <= WrongCodes.Max; guess++)
        {
            using var wrong = await LogInAsync(guesser, app.WrongCode());
            await wrong.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
            Assert.That(await CountAsync(), Is.EqualTo(guess));
            if (guess % 5 == 0)
            {
                using var locked = await LogInAsync(guesser, app.WrongCode());
                _application.Time.Advance(TimeSpan.FromMinutes(5.1));
            }
        }

        Assert.That(await CountAsync(), Is.EqualTo(WrongCodes.Max), "none is counted while it is locked");
        using var right = await LogInAsync(_application.NewBrowser(), app.Code());
        await right.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        Assert.That((await _application.NextMailAsync(Ada, "codes of your app are no longer accepted")).TextBody, Does.Contain("100 wrong codes").And.Contain("recovery code"));
        Assert.That(await _application.EventsAsync(1), Has.Exactly(1).EqualTo("AuthenticatorBlocked"));

        using var owner = _application.NewBrowser();
        using var recovered = await LogInAsync(owner, recoveryCode: codes[0]);
        Assert.That(recovered.StatusCode, Is.EqualTo(HttpStatusCode.OK), await recovered.Content.ReadAsStringAsync());
        await ShouldLogInAsync("after a recovery code");
        await ShouldBeginAgainAsync(() => EnableAsync(owner));

        Task<int> CountAsync() => _application.QueryAsync(context => context.Users.Select(user => EF.Property<int>(user, WrongCodes.Column)).SingleAsync());

        async Task ShouldBeginAgainAsync(Func<Task> act)
        {
            using var wrong = await LogInAsync(_application.NewBrowser(), app.WrongCode());
            Assert.That(await CountAsync(), Is.EqualTo(1));
            await act();
            Assert.That(await CountAsync(), Is.Zero);
        }

        async Task ShouldLogInAsync(string when)
        {
            _application.Time.Advance(TimeSpan.FromMinutes(1));
            using var login = await LogInAsync(_application.NewBrowser(), app.Code());
            Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK), when);
        }
    }

    [Test]
    public async Task A_recovery_code_logs_in_once_and_the_owner_is_notified()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        var (_, codes) = await EnableAsync(caller);

        var logins = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => LogInAsync(_application.NewBrowser(), recoveryCode: codes[0].ToLowerInvariant().Replace("-", " "))));
        var right = logins.Single(login => login.StatusCode == HttpStatusCode.OK);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Methods((await right.JsonAsync())["session"]!), Is.EqualTo("pwd rc"));
            Assert.That(await StatusAsync(caller), Is.EqualTo((true, 9)));
            Assert.That((await _application.NextMailAsync(Ada, "a recovery code was used")).TextBody, Does.Contain("9 are left"));
            Assert.That(
                (await _application.QueryAsync(context => context.Set<RecoveryCode>().Select(code => code.Hash).ToListAsync())).Select(hash => hash.Length), Has.All.EqualTo(32));
        }

        // Made new by who has lost the app.
        using var recovered = _application.NewBrowser(transport: SessionTransport.Header);
        using var login = await recovered.PostAsync("/login/", new { email = Ada, password = Browser.Password, twoFactorRecoveryCode = codes[1], transport = "header" });
        await recovered.KeepTokenAsync(login);
        using var response = await recovered.PostAsync("/two-factor/recovery-codes/");
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        using var old = await LogInAsync(_application.NewBrowser(), recoveryCode: codes[2]);
        Assert.That(old.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        await _application.NextMailAsync(Ada, "new recovery codes");
        using var both = await recovered.PostAsync("/login/", new { email = Ada, password = Browser.Password, twoFactorCode = "123456", twoFactorRecoveryCode = codes[3] });
        await both.ShouldBeInvalidAsync("twoFactorCode");
    }

    [Test]
    public async Task A_change_of_factors_needs_a_recent_factor()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        var (app, _) = await EnableAsync(caller);
        string[] calls = ["/two-factor/setup/", "/two-factor/disable/", "/two-factor/recovery-codes/", "/passkeys/options/", "/email/change/"];

        _application.Time.Advance(TimeSpan.FromMinutes(11));
        await ShouldBeRefusedAsync("no recent authentication");
        await caller.ReauthenticateAsync();
        await ShouldBeRefusedAsync("a recent password only");

        using var wrong = await caller.PostAsync("/reauthenticate/", new { twoFactorCode = app.WrongCode() });
        await wrong.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        foreach (var body in new[] { new { password = "not the password at all", twoFactorCode = app.Code() }, new { password = Browser.Password, twoFactorCode = app.WrongCode() } })
        {
            using var half = await caller.PostAsync("/reauthenticate/", body);
            await half.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        }

        using var right = await caller.PostAsync("/reauthenticate/", new { twoFactorCode = app.Code() });
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.OK), await right.Content.ReadAsStringAsync());
        Assert.That(Methods(await caller.KeepTokenAsync(right)), Is.EqualTo("pwd otp"));
        using var again = await caller.PostAsync("/reauthenticate/", new { twoFactorCode = app.Code() });
        await again.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        using var neither = await caller.PostAsync("/reauthenticate/", new { });
        await neither.ShouldBeInvalidAsync("password");
        foreach (var body in new object[] { new { credential = "x" }, new { credential = new { }, password = Browser.Password }, new { credential = new { }, twoFactorCode = "123456" } })
        {
            using var refused = await caller.PostAsync("/reauthenticate/", body);
            await refused.ShouldBeInvalidAsync("credential");
        }

        // Another app takes the place of the first, which is good until then.
        _application.Time.Advance(TimeSpan.FromMinutes(1));
        using var setup = await caller.PostAsync("/two-factor/setup/");
        var newApp = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), _application.Time);
        using (var login = await LogInAsync(_application.NewBrowser(), app.Code()))
        {
            Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK), "the first app");
        }

        using var enabled = await caller.PostAsync("/two-factor/enable/", new { code = newApp.Code() });
        Assert.That(enabled.StatusCode, Is.EqualTo(HttpStatusCode.OK), await enabled.Content.ReadAsStringAsync());
        _application.Time.Advance(TimeSpan.FromMinutes(1));
        using var byOld = await LogInAsync(_application.NewBrowser(), app.Code());
        using var byNew = await LogInAsync(_application.NewBrowser(), newApp.Code());
        Assert.That((byOld.StatusCode, byNew.StatusCode), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.OK)));

        async Task ShouldBeRefusedAsync(string why)
        {
            foreach (var call in calls)
            {
                using var refused = await caller.PostAsync(call);
                Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden), $"{call} with {why}");
                await refused.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
            }
        }
    }

    private async Task ShouldBeQuietAsync()
    {
        await _application.MailIsQuietAsync();
        Assert.That(Directory.GetFiles(_application.MailFolder), Is.Empty);
    }

    private async Task<(AuthenticatorApp App, string[] Codes)> EnableAsync(Browser caller)
    {
        using var setup = await caller.PostAsync("/two-factor/setup/");
        Assert.That(setup.StatusCode, Is.EqualTo(HttpStatusCode.OK), await setup.Content.ReadAsStringAsync());
        var app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), _application.Time);
        using var enabled = await caller.PostAsync("/two-factor/enable/", new { code = app.Code() });
        Assert.That(enabled.StatusCode, Is.EqualTo(HttpStatusCode.OK), await enabled.Content.ReadAsStringAsync());
        return (app, [.. (await enabled.JsonAsync())["recoveryCodes"]!.AsArray().Select(code => code!.GetValue<string>())]);
    }

    private static async Task<HttpResponseMessage> LogInAsync(Browser browser, string? code = null, string? recoveryCode = null) =>
        await browser.PostAsync("/login/", new { email = Ada, password = Browser.Password, twoFactorCode = code, twoFactorRecoveryCode = recoveryCode, transport = browser.Transport });

    private static async Task<(bool, int)> StatusAsync(Browser browser)
    {
        using var response = await browser.GetAsync("/two-factor/");
        var status = await response.JsonAsync();
        return (status["enabled"]!.GetValue<bool>(), status["recoveryCodesLeft"]!.GetValue<int>());
    }

    private static async Task<JsonNode> MeAsync(Browser browser)
    {
        using var response = await browser.GetAsync("/me/");
        return await response.JsonAsync();
    }

    private static string Methods(JsonNode session) => string.Join(' ', session["authenticationMethods"]!.AsArray().Select(method => method!.GetValue<string>()));

    /// <summary>Holds what decrypts the key of an app, once.</summary>
    private sealed class HeldKey
    {
        private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _isHolding;

        public Task Held => _held.Task.WaitAsync(TimeSpan.FromSeconds(30));

        public void Hold() => _isHolding = 1;

        public void Release() => _released.SetResult();

        public void Wrap(IServiceCollection services)
        {
            var product = services.Last(service => service.ServiceType == typeof(IDataProtectionProvider)).ImplementationFactory!;
            services.AddSingleton<IDataProtectionProvider>(provider => new Protector(this, (IDataProtectionProvider)product(provider)));
        }

        private void Pass()
        {
            if (Interlocked.Exchange(ref _isHolding, 0) == 1)
            {
                _held.SetResult();
                _released.Task.Wait(TimeSpan.FromSeconds(30));
            }
        }

        private sealed class Protector(HeldKey key, IDataProtectionProvider product) : IDataProtector
        {
            public IDataProtector CreateProtector(string purpose) => new Protector(key, product.CreateProtector(purpose));

            public byte[] Protect(byte[] plaintext) => ((IDataProtector)product).Protect(plaintext);

            public byte[] Unprotect(byte[] protectedData)
            {
                key.Pass();
                return ((IDataProtector)product).Unprotect(protectedData);
            }
        }
    }
}
