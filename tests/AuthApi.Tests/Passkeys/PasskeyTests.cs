using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AuthApi.Factors;
using AuthApi.Mail;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Query;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AuthApi.Tests.Passkeys;

/// <summary>Adding passkeys, logging in with one, and deleting them.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class PasskeyTests(TestedStore database)
{
    private const string Ada = "ada@example.com";

    private AuthApiApplication _application = null!;
    private SoftwareAuthenticator _authenticator = null!;

    [SetUp]
    public void SetUp()
    {
        _application = new AuthApiApplication(store: database);
        _authenticator = new SoftwareAuthenticator();
    }

    [TearDown]
    public async Task TearDown()
    {
        _authenticator.Dispose();
        await _application.DisposeAsync();
    }

    [TestCase(SessionTransport.Cookie)]
    [TestCase(SessionTransport.Header)]
    public async Task A_passkey_is_added_logs_in_reauthenticates_and_is_deleted(SessionTransport transport)
    {
        using var caller = await _application.NewLoggedInBrowserAsync(transport: transport);
        using var added = await AddAsync(caller);
        Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created), await added.Content.ReadAsStringAsync());
        var passkey = await added.JsonAsync();
        await _application.NextMailAsync(Ada, "a passkey was added");

        using var other = _application.NewBrowser(transport: transport);
        using var login = await LogInAsync(other);
        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK), await login.Content.ReadAsStringAsync());
        Assert.That((await login.JsonAsync())["user"]!["email"]!.GetValue<string>(), Is.EqualTo(Ada));
        var session = await other.KeepTokenAsync(login);
        Assert.That(session["authenticationMethods"]!.ToJsonString(), Is.EqualTo("""["hwk"]"""));

        var items = await ListAsync(other);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(passkey["name"]!.GetValue<string>(), Is.EqualTo("Phone"));
            Assert.That(passkey["id"]!.GetValue<string>(), Is.EqualTo(_authenticator.Id));
            Assert.That(items["items"]![0]!["lastUsedAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(_application.Time.GetUtcNow()));
            Assert.That(
                items["signal"]!.ToJsonString(),
                Is.EqualTo($$"""{"rpId":"localhost","userId":"MQ","allAcceptedCredentialIds":["{{_authenticator.Id}}"],"name":"ada@example.com","displayName":"ada@example.com"}"""));
        }

        // After ten minutes, by options of either call.
        foreach (var call in new[] { "/reauthenticate/options/", "/login/passkey/options/" })
        {
            _application.Time.Advance(TimeSpan.FromMinutes(11));
            using var refused = await other.SendAsync(HttpMethod.Patch, $"/passkeys/{_authenticator.Id}/", JsonContent.Create(new { name = "Mine" }));
            await refused.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
            var options = await OptionsAsync(other, call);
            using var again = await other.PostAsync("/reauthenticate/", new { credential = _authenticator.Get(options) });
            Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.OK), await again.Content.ReadAsStringAsync());
            await other.KeepTokenAsync(again);
        }

        using var renamed = await other.SendAsync(HttpMethod.Patch, $"/passkeys/{_authenticator.Id}/", JsonContent.Create(new { name = "Mine" }));
        Assert.That((await renamed.JsonAsync())["name"]!.GetValue<string>(), Is.EqualTo("Mine"));
        using var deleted = await other.DeleteAsync($"/passkeys/{_authenticator.Id}/");
        using var unknown = await other.DeleteAsync($"/passkeys/{_authenticator.Id}/");
        using var after = await LogInAsync(_application.NewBrowser(transport: transport));
        Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        await unknown.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        await after.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        await _application.NextMailAsync(Ada, "a passkey was deleted");
        Assert.That(
            (await _application.EventsAsync(1)).Where(name => name.StartsWith("Passkey", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "PasskeyAdded", "PasskeyRenamed", "PasskeyRemoved" }));
        Assert.That(await _application.QueryAsync(context => context.Set<PasskeyCeremony>().AnyAsync()), Is.False, "every ceremony was used up");
    }

    [Test]
    public async Task A_ceremony_is_good_once_for_its_purpose_user_and_session()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        using var grace = await _application.NewLoggedInBrowserAsync("grace@example.com");
        (await AddAsync(ada)).Dispose();

        // Used already.
        using var anonymous = _application.NewBrowser();
        var credential = _authenticator.Get(await OptionsAsync(anonymous, "/login/passkey/options/"));
        var logins = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _application.NewBrowser().PostAsync("/login/passkey/", new { credential })));
        Assert.That(logins.Count(login => login.StatusCode == HttpStatusCode.OK), Is.EqualTo(1));
        Assert.That(logins.Count(login => login.StatusCode == HttpStatusCode.Unauthorized), Is.EqualTo(3));

        // Expired.
        credential = _authenticator.Get(await OptionsAsync(anonymous, "/login/passkey/options/"));
        _application.Time.Advance(TimeSpan.FromMinutes(5));
        using var expired = await anonymous.PostAsync("/login/passkey/", new { credential });
        await expired.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");

        // Of another purpose.
        using var asLogin = await anonymous.PostAsync("/login/passkey/", new { credential = _authenticator.Get(await OptionsAsync(ada, "/reauthenticate/options/")) });
        await asLogin.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        using var asNew = await ada.PostAsync("/passkeys/", new { credential = _authenticator.Get(await OptionsAsync(ada, "/login/passkey/options/")), name = "Again" });
        await asNew.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_credential");

        // Of another user's session, or of none.
        using var asGrace = await grace.PostAsync("/reauthenticate/", new { credential = _authenticator.Get(await OptionsAsync(ada, "/reauthenticate/options/")) });
        await asGrace.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        using var ofNone = await ada.PostAsync("/reauthenticate/", new { credential = _authenticator.Get(await OptionsAsync(anonymous, "/login/passkey/options/")) });
        await ofNone.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        using var second = new SoftwareAuthenticator();
        using var toGrace = await grace.PostAsync("/passkeys/", new { credential = second.Create(await OptionsAsync(ada, "/passkeys/options/")), name = "Hers" });
        await toGrace.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_credential");

        // With an id that is too short to be one, or empty, and so without an address.
        foreach (var length in new[] { 0, 15 })
        {
            using var shortened = new SoftwareAuthenticator(idLength: length);
            using var refused = await grace.PostAsync("/passkeys/", new { credential = shortened.Create(await OptionsAsync(grace, "/passkeys/options/")), name = "Hers" });
            await refused.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_credential");
        }

        // Of this session, by the passkey of another account: options of a login name no account.
        _application.Time.Advance(TimeSpan.FromMinutes(11));
        using var byAdas = await grace.PostAsync("/reauthenticate/", new { credential = _authenticator.Get(await OptionsAsync(grace, "/login/passkey/options/")) });
        await byAdas.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "invalid_credentials");
        using var adding = await grace.PostAsync("/passkeys/options/");
        await adding.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
        await grace.ReauthenticateAsync();

        // A passkey that another account has.
        using var taken = await grace.PostAsync("/passkeys/", new { credential = _authenticator.Create(await OptionsAsync(grace, "/passkeys/options/")), name = "Hers" });
        await taken.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_credential");

        Assert.That(await grace.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_right_passkey_logs_in_to_no_account_that_may_not()
    {
        await using var application = new AuthApiApplication(
            services => services.PostConfigure<IdentityOptions>(options => options.SignIn.RequireConfirmedEmail = true),
            settings: new() { ["Passkeys:UserVerification"] = "preferred" },
            store: database);
        using var caller = application.NewBrowser();
        await caller.RegisterAsync();
        await ChangeAsync(users => users.SetProperty(user => user.EmailConfirmed, true));
        await caller.LogInAsync();
        using var added = await AddAsync(caller);
        Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created), await added.Content.ReadAsStringAsync());

        await RefusedAsync(HttpStatusCode.Unauthorized, "invalid_credentials", users => users.SetProperty(user => user.DisabledAt, application.Time.GetUtcNow()));
        await RefusedAsync(HttpStatusCode.Unauthorized, "invalid_credentials", users => users.SetProperty(user => user.LockoutEnd, DateTimeOffset.MaxValue));
        await RefusedAsync(HttpStatusCode.Forbidden, "password_change_required", users => users.SetProperty(user => user.MustChangePassword, true));
        await RefusedAsync(HttpStatusCode.Forbidden, "email_not_confirmed", users => users.SetProperty(user => user.EmailConfirmed, false));

        // Where the account has an app, a passkey is both factors only if the authenticator has verified the person.
        _authenticator.IsUserVerified = false;
        await RefusedAsync(HttpStatusCode.Unauthorized, "two_factor_required", users => users.SetProperty(user => user.TwoFactorEnabled, true));
        using var withoutApp = await LogInAsync(application.NewBrowser());
        Assert.That(withoutApp.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        _authenticator.IsUserVerified = true;
        await ChangeAsync(users => users.SetProperty(user => user.TwoFactorEnabled, true));
        using var verified = await LogInAsync(application.NewBrowser());
        Assert.That(verified.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        async Task RefusedAsync(HttpStatusCode status, string code, Action<UpdateSettersBuilder<ApplicationUser>> change)
        {
            await ChangeAsync(change);
            using var browser = application.NewBrowser();
            using var refused = await LogInAsync(browser);
            await refused.ShouldBeProblemAsync(status, code);
            Assert.That(browser.Cookies, Is.Empty);
            await ChangeAsync(users => users
                .SetProperty(user => user.DisabledAt, (DateTimeOffset?)null)
                .SetProperty(user => user.LockoutEnd, (DateTimeOffset?)null)
                .SetProperty(user => user.MustChangePassword, false)
                .SetProperty(user => user.EmailConfirmed, true)
                .SetProperty(user => user.TwoFactorEnabled, false));
        }

        Task<int> ChangeAsync(Action<UpdateSettersBuilder<ApplicationUser>> change) => application.QueryAsync(context => context.Users.ExecuteUpdateAsync(change));
    }

    [Test]
    public async Task A_lock_by_wrong_passwords_does_not_lock_the_passkey()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        (await AddAsync(caller)).Dispose();
        using var stranger = _application.NewBrowser();
        for (var i = 0; i < 5; i++)
        {
            (await stranger.PostAsync("/login/", new { email = Ada, password = "wrong" })).Dispose();
        }

        using var byPassword = await stranger.PostAsync("/login/", new { email = Ada, password = Browser.Password });
        await byPassword.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        using var byPasskey = await LogInAsync(_application.NewBrowser());
        Assert.That(byPasskey.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task An_account_has_twenty_passkeys_at_most()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        var userId = await _application.QueryAsync(context => context.Users.Select(user => user.Id).SingleAsync());
        await StoreAsync(19);
        var options = await OptionsAsync(caller, "/passkeys/options/");
        await StoreAsync(1);

        using var added = await caller.PostAsync("/passkeys/", new { credential = _authenticator.Create(options), name = "Phone" });
        using var begun = await caller.PostAsync("/passkeys/options/");

        await added.ShouldBeProblemAsync(HttpStatusCode.Conflict, "too_many_passkeys");
        await begun.ShouldBeProblemAsync(HttpStatusCode.Conflict, "too_many_passkeys");
        Assert.That((await ListAsync(caller))["items"]!.AsArray(), Has.Count.EqualTo(20));

        Task<int> StoreAsync(int count) => _application.QueryAsync(context =>
        {
            context.AddRange(Enumerable.Range(0, count).Select(_ => new IdentityUserPasskey<int>
            {
                UserId = userId,
                CredentialId = RandomNumberGenerator.GetBytes(16),
                Data = new IdentityPasskeyData { PublicKey = [], Name = "Another", AttestationObject = [], ClientDataJson = [] },
            }));
            return context.SaveChangesAsync();
        });
    }

    [Test]
    public async Task What_the_authenticator_signs_must_be_right()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        (await AddAsync(caller)).Dispose();
        using var stranger = new SoftwareAuthenticator();
        stranger.Create(JsonNode.Parse("""{"challenge":"AA","rp":{"id":"localhost"},"user":{"id":"MQ"}}""")!);

        await RefusedAsync(_authenticator, authenticator => authenticator.Origin = "https://evil.example", authenticator => authenticator.Origin = "https://localhost");
        await RefusedAsync(_authenticator, authenticator => authenticator.RpId = "evil.example", authenticator => authenticator.RpId = null);
        await RefusedAsync(_authenticator, authenticator => authenticator.IsUserVerified = false, authenticator => authenticator.IsUserVerified = true);
        await RefusedAsync(_authenticator, authenticator => authenticator.IsUserPresent = false, authenticator => authenticator.IsUserPresent = true);
        await RefusedAsync(stranger, _ => { }, _ => { });

        using var right = await LogInAsync(_application.NewBrowser());
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        async Task RefusedAsync(SoftwareAuthenticator authenticator, Action<SoftwareAuthenticator> lie, Action<SoftwareAuthenticator> repent)
        {
            lie(authenticator);
            using var browser = _application.NewBrowser();
            using var refused = await browser.PostAsync("/login/passkey/", new { credential = authenticator.Get(await OptionsAsync(browser, "/login/passkey/options/")) });
            await refused.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
            repent(authenticator);
        }
    }

    [Test]
    public async Task A_counter_that_goes_back_is_refused_and_the_owner_notified()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        _authenticator.Counter = 7;
        (await AddAsync(caller)).Dispose();

        foreach (var (counter, status) in new[] { (7u, HttpStatusCode.Unauthorized), (9u, HttpStatusCode.OK), (8u, HttpStatusCode.Unauthorized), (10u, HttpStatusCode.OK) })
        {
            _authenticator.Counter = counter;
            using var login = await LogInAsync(_application.NewBrowser());
            Assert.That(login.StatusCode, Is.EqualTo(status), $"{counter}");
        }

        Assert.That((await _application.EventsAsync(1)).Count(name => name == "PasskeyRefused"), Is.EqualTo(2));
        Assert.That((await _application.NextMailAsync(Ada, "a passkey was refused")).TextBody, Does.Contain("\"Phone\""));
    }

    [Test]
    public async Task A_passkey_that_is_deleted_during_its_login_is_no_copy()
    {
        await using var application = new AuthApiApplication(
            services =>
            {
                var handler = services.Last(service => service.ServiceType == typeof(IPasskeyHandler<ApplicationUser>)).ImplementationType!;
                services.Replace(ServiceDescriptor.Scoped<IPasskeyHandler<ApplicationUser>>(provider => new DeletedMeanwhile(
                    (IPasskeyHandler<ApplicationUser>)ActivatorUtilities.CreateInstance(provider, handler), provider.GetRequiredService<IDbContextFactory<AuthDbContext>>())));
            },
            store: database);
        using var caller = await application.NewLoggedInBrowserAsync();
        (await AddAsync(caller)).Dispose();

        using var login = await LogInAsync(application.NewBrowser());

        await login.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        Assert.That(await application.EventsAsync(1), Has.None.EqualTo("PasskeyRefused"));
        Assert.That(await application.QueryAsync(context => context.Set<MailMessage>().CountAsync(message => message.Subject.Contains("refused"))), Is.Zero);
    }

    [Test]
    public async Task The_last_way_to_log_in_stays_and_all_others_go_at_once()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        (await AddAsync(caller)).Dispose();
        using var second = new SoftwareAuthenticator();
        using var third = new SoftwareAuthenticator();
        (await AddAsync(caller, second)).Dispose();
        (await AddAsync(caller, third)).Dispose();
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(update => update.SetProperty(user => user.PasswordHash, (string?)null)));

        using var missing = await caller.DeleteAsync("/passkeys/");
        await missing.ShouldBeInvalidAsync("except");
        using var unknown = await caller.DeleteAsync("/passkeys/?except=AAAA");

        // Other forms of the same bytes: by them none would have been left out.
        foreach (var form in new[] { $"{second.Id}%3D%3D", $"{second.Id[..5]}%20{second.Id[5..]}" })
        {
            using var otherForm = await caller.DeleteAsync($"/passkeys/?except={form}");
            await otherForm.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        }

        await unknown.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        using var others = await caller.DeleteAsync($"/passkeys/?except={second.Id}");
        Assert.That((await others.JsonAsync())["removed"]!.GetValue<int>(), Is.EqualTo(2));
        Assert.That((await ListAsync(caller))["items"]!.AsArray().Select(item => item!["id"]!.GetValue<string>()), Is.EqualTo(new[] { second.Id }));

        using var last = await caller.DeleteAsync($"/passkeys/{second.Id}/");
        await last.ShouldBeProblemAsync(HttpStatusCode.Conflict, "last_credential");
        using var login = await LogInAsync(_application.NewBrowser(), second);
        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK), "without a password");
    }

    [Test]
    public async Task A_thousand_malformed_credentials_are_refused()
    {
        using var caller = await _application.NewLoggedInBrowserAsync();
        (await AddAsync(caller)).Dispose();
        var dice = new Dice(20261129);
        var calls = new[] { ("/login/passkey/options/", "/login/passkey/"), ("/passkeys/options/", "/passkeys/"), ("/reauthenticate/options/", "/reauthenticate/") };
        var rounds = database == TestedStore.Sqlite ? 1000 : 50;
        for (var i = 0; i < rounds; i++)
        {
            var (begin, end) = dice.Of(calls);

            // With fresh options now and then, or nothing would get past the challenge.
            using var other = new SoftwareAuthenticator();
            var options = await OptionsAsync(caller, begin);
            var credential = begin == "/passkeys/options/" ? other.Create(options) : _authenticator.Get(options);
            Break(credential, dice);
            using var response = await caller.PostAsync(end, new { credential, name = "Fuzz" });
            Assert.That((int)response.StatusCode, Is.InRange(200, 499), $"{i}: {end} {credential.ToJsonString()}: {await response.Content.ReadAsStringAsync()}");
            if (response.IsSuccessStatusCode)
            {
                // Where what was broken does not count, such as the transports.
                if (end == "/reauthenticate/")
                {
                    await caller.KeepTokenAsync(response);
                }
                else if (end == "/passkeys/")
                {
                    (await caller.DeleteAsync($"/passkeys/{other.Id}/")).Dispose();
                }
            }
        }

        Assert.That(await caller.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    // One field of one level: gone, of another type, cut, with a changed byte, or something else altogether.
    private static void Break(JsonObject credential, Dice dice)
    {
        var target = dice.OneIn(3) ? credential : credential["response"]!.AsObject();
        var field = dice.Of([.. target.Select(pair => pair.Key)]);
        var text = target[field] is JsonValue value && value.TryGetValue<string>(out var known) ? known : "";
        switch (dice.Next(6))
        {
            case 0:
                target.Remove(field);
                break;
            case 1:
                target[field] = dice.Of<Func<JsonNode?>>(() => null, () => 17, () => new JsonArray(1, 2), () => new JsonObject(), () => true, () => "")();
                break;
            case 2:
                target[field] = text[..(text.Length / 2)];
                break;
            case 3 when text.Length > 0:
                var at = dice.Next(text.Length);
                target[field] = $"{text[..at]}{dice.Of("A", "_", "!", "é", "=")}{text[(at + 1)..]}";
                break;
            case 4:
                target[field] = new string('A', dice.Next(4000));
                break;
            default:
                target[field] = "eyJ0eXBlIjpudWxsLCJjaGFsbGVuZ2UiOm51bGx9";
                break;
        }
    }

    private async Task<HttpResponseMessage> AddAsync(Browser caller, SoftwareAuthenticator? authenticator = null)
    {
        var options = await OptionsAsync(caller, "/passkeys/options/");
        return await caller.PostAsync("/passkeys/", new { credential = (authenticator ?? _authenticator).Create(options), name = "Phone" });
    }

    private async Task<HttpResponseMessage> LogInAsync(Browser browser, SoftwareAuthenticator? authenticator = null)
    {
        var options = await OptionsAsync(browser, "/login/passkey/options/");
        return await browser.PostAsync("/login/passkey/", new { credential = (authenticator ?? _authenticator).Get(options), transport = browser.Transport });
    }

    private static async Task<JsonNode> OptionsAsync(Browser browser, string call)
    {
        using var response = await browser.PostAsync(call);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    private static async Task<JsonNode> ListAsync(Browser browser)
    {
        using var response = await browser.GetAsync("/passkeys/");
        return await response.JsonAsync();
    }

    // Deletes every passkey when an answer of one has been accepted.
    private sealed class DeletedMeanwhile(IPasskeyHandler<ApplicationUser> inner, IDbContextFactory<AuthDbContext> contexts) : IPasskeyHandler<ApplicationUser>
    {
        public Task<PasskeyCreationOptionsResult> MakeCreationOptionsAsync(PasskeyUserEntity userEntity, HttpContext httpContext) =>
            inner.MakeCreationOptionsAsync(userEntity, httpContext);

        public Task<PasskeyRequestOptionsResult> MakeRequestOptionsAsync(ApplicationUser? user, HttpContext httpContext) => inner.MakeRequestOptionsAsync(user, httpContext);

        public Task<PasskeyAttestationResult> PerformAttestationAsync(PasskeyAttestationContext context) => inner.PerformAttestationAsync(context);

        public async Task<PasskeyAssertionResult<ApplicationUser>> PerformAssertionAsync(PasskeyAssertionContext context)
        {
            var result = await inner.PerformAssertionAsync(context);
            Assert.That(result.Succeeded, Is.True);
            await using var other = await contexts.CreateDbContextAsync();
            await other.UserPasskeys.ExecuteDeleteAsync();
            return result;
        }
    }
}
