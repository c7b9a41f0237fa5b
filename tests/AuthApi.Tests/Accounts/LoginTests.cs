using System.Net;
using AuthApi.Passwords;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Moq;

namespace AuthApi.Tests.Accounts;

[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class LoginTests(TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void OneTimeSetUp() => database.Require();

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: database);
        _browser = _application.NewBrowser();
        await _browser.RegisterAsync("ada@example.com", userName: "ada");
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task Login_answers_the_user_and_the_session()
    {
        using var response = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        var json = await response.JsonAsync();
        var session = json["session"]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(json["user"]!.ToJsonString(), Is.EqualTo("""{"id":1,"email":"ada@example.com","userName":"ada"}"""));
            Assert.That(session["current"]!.GetValue<bool>(), Is.True);
            Assert.That(session["createdAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(_application.Time.GetUtcNow()));
            Assert.That(session["expiresAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(_application.Time.GetUtcNow().AddMinutes(30)));
            Assert.That(session["transport"]!.GetValue<string>(), Is.EqualTo("cookie"));
            Assert.That(session["authenticationMethods"]!.ToJsonString(), Is.EqualTo("""["pwd"]"""));
            Assert.That(await response.Content.ReadAsStringAsync(), Does.Not.Contain(_browser.Token));
        }
    }

    [Test]
    public async Task The_cookie_has_exactly_these_attributes()
    {
        using var response = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        Assert.That(response.SetCookies().Single(), Does.Match(
            "^__Host-session=[A-Za-z0-9_-]{43}; path=/; secure; samesite=strict; httponly$"));
    }

    [Test]
    public async Task A_remembered_cookie_outlives_the_browser()
    {
        using var response = await _browser.PostAsync(
            "/login/", new { email = "ada@example.com", password = Browser.Password, rememberMe = true });

        Assert.That(response.SetCookies().Single(), Does.Match(
            "^__Host-session=[A-Za-z0-9_-]{43}; expires=Tue, 31 Mar 2026 12:00:00 GMT; max-age=2592000; path=/; secure; samesite=strict; httponly$"));
    }

    [Test]
    public async Task The_user_name_logs_in_as_the_address_does()
    {
        using var response = await _browser.PostAsync("/login/", new { userName = "Ada", password = Browser.Password });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("email", "ada\0@example.com")]
    [TestCase("userName", "ada\0")]
    public async Task A_name_with_a_NUL_is_an_unknown_users(string field, string name)
    {
        using var response = await _browser.PostAsync("/login/", new Dictionary<string, string> { [field] = name, ["password"] = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [Test]
    public async Task All_refused_logins_get_the_same_answer()
    {
        await using var application = new AuthApiApplication(RefusedLogins.Configure, kestrel: true, store: database);
        using var browser = application.NewBrowser();
        await RefusedLogins.RegisterAsync(application, browser);

        string? first = null;
        foreach (var (kind, email, password) in RefusedLogins.All)
        {
            using var response = await browser.PostAsync("/login/", new { email, password });
            var problem = await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
            problem["traceId"] = "";
            var headers = response.Headers.Concat(response.Content.Headers)
                .Where(header => header.Key != "Date")
                .Select(header => $"{header.Key}: {string.Join(", ", header.Value)}");
            var answer = string.Join('\n', [$"{response.StatusCode}", .. headers, problem.ToJsonString()]);
            Assert.That(answer, Is.EqualTo(first ??= answer), kind);
        }
    }

    // As a call that sets one up would leave it in the store.
    [Test]
    public async Task An_account_with_a_second_factor_is_asked_for_it()
    {
        await _application.WithScopeAsync(async services =>
        {
            var users = services.GetRequiredService<UserManager<ApplicationUser>>();
            var user = (await users.FindByNameAsync("ada"))!;
            await users.ResetAuthenticatorKeyAsync(user);
            await users.SetTwoFactorEnabledAsync(user, true);
        });

        using var right = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        using var wrong = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });

        await right.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "two_factor_required");
        await wrong.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That(right.SetCookies(), Is.Empty);
    }

    [Test]
    public async Task Every_refused_login_costs_one_hash()
    {
        var hashes = new CountedHasher();
        await using var application = new AuthApiApplication(services =>
        {
            services.AddSingleton<IPasswordHasher<ApplicationUser>>(hashes);
            RefusedLogins.Configure(services);
        }, store: database);
        using var browser = application.NewBrowser();
        await RefusedLogins.RegisterAsync(application, browser);

        await application.WaitForWarmUpAsync();

        foreach (var (kind, email, password) in RefusedLogins.All)
        {
            var before = hashes.Count;
            using var response = await browser.PostAsync("/login/", new { email, password });
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), kind);
            Assert.That(hashes.Count - before, Is.EqualTo(1), kind);
        }
    }

    [TestCase(PasswordHasherCompatibilityMode.IdentityV2)]
    [TestCase(PasswordHasherCompatibilityMode.IdentityV3)]
    [TestCase(null)]
    public async Task Login_renews_an_older_hash_and_sessions_live_on(PasswordHasherCompatibilityMode? identitys)
    {
        await using var application = new AuthApiApplication(store: database);
        using var before = await application.NewLoggedInBrowserAsync();
        IPasswordHasher<ApplicationUser> old = identitys is { } mode
            ? new PasswordHasher<ApplicationUser>(Options.Create(new PasswordHasherOptions { CompatibilityMode = mode, IterationCount = 1_000 }))
            : new Argon2PasswordHasher(memoryKiB: 16, passes: 1);
        await application.QueryAsync(async context =>
        {
            var user = await context.Users.SingleAsync();
            user.PasswordHash = old.HashPassword(user, Browser.Password);
            return await context.SaveChangesAsync();
        });
        var stored = await StoredUserAsync(application);

        using var wrong = await application.NewBrowser().PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });
        using var browser = application.NewBrowser();
        using var login = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        // The renewal was handed to the writer before the session, so it is committed by now.
        var renewed = await StoredUserAsync(application);
        Assert.That(wrong.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(renewed.PasswordHash, Does.StartWith("$argon2id$v=19$m=8,t=1,p=1$"));
        Assert.That(renewed.SecurityStamp, Is.EqualTo(stored.SecurityStamp));
        Assert.That(await before.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        await application.NewBrowser().LogInAsync();
    }

    [TestCase("")]
    [TestCase("not a hash")]
    [TestCase("AQAAAAI")]
    [TestCase("AQAAAAI=")]
    [TestCase("$argon2id$v=19$m=99999999999,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [TestCase("$argon2id$v=19$m=8,t=1,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [TestCase("$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA")]
    [TestCase("$2b$10$abcdefghijklmnopqrstuv")]
    public async Task A_malformed_stored_hash_is_a_wrong_password(string hash)
    {
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.PasswordHash, hash)));

        using var response = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [Test]
    public async Task The_owner_of_a_locked_account_stays_in_and_can_log_out()
    {
        await _browser.LogInAsync();
        using var stranger = _application.NewBrowser();
        for (var i = 0; i < 5; i++)
        {
            using var failure = await stranger.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });
        }

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await _browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Right_passwords_beside_a_wrong_one_are_all_accepted()
    {
        using var wrong = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });

        var logins = await Task.WhenAll(Enumerable.Range(0, 12).Select(index => _application.NewBrowser().PostAsync(
            "/login/", new { email = "ada@example.com", password = index == 6 ? "wrong" : Browser.Password })));

        Assert.That(logins.Count(login => login.StatusCode == HttpStatusCode.OK), Is.EqualTo(11));
        Assert.That((await _application.EventsAsync(1)).Count(what => what == AuditEvent.SignInFailed), Is.EqualTo(2));
    }

    [Test]
    public async Task Concurrent_guesses_do_not_exceed_the_lockout()
    {
        using var hasher = new HeldHasher();
        await using var application = new AuthApiApplication(hasher.Wrap, store: database);
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();
        await application.WaitForWarmUpAsync();

        // One of them is right, and began before the lock.
        hasher.Hold();
        var guess = GuessAsync(Browser.Password);
        await hasher.Held;
        var guesses = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => GuessAsync("wrong")));
        hasher.Release();
        using var refused = await guess;
        using var right = await GuessAsync(Browser.Password);

        Assert.That(await Task.WhenAll(guesses.Select(async wrong => (string?)(await wrong.JsonAsync())["code"])), Is.All.EqualTo("invalid_credentials"));
        await refused.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        await right.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        Assert.That((await application.EventsAsync(1)).Count(what => what == AuditEvent.SignInFailed), Is.EqualTo(42));

        application.Time.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(1));
        using var later = await GuessAsync(Browser.Password);
        Assert.That(later.StatusCode, Is.EqualTo(HttpStatusCode.OK), "the lock passes");

        Task<HttpResponseMessage> GuessAsync(string password) => application.NewBrowser().PostAsync("/login/", new { email = "ada@example.com", password });
    }

    [TestCase("Größe: 12 Ellen Tuch ", true)]
    [TestCase("größe: 12 Ellen Tuch ", false, Description = "another case")]
    [TestCase("Größe: 12 Ellen Tuch", false, Description = "the space at its end cut off")]
    [TestCase("Größe: 12 Ellen Tu", false)]
    [TestCase("Größe: 12 Ellen Tuch  ", false)]
    [TestCase("Gro\u0308ße: 12 Ellen Tuch ", true, Description = "another normal form")]
    [TestCase("Größe:\u00a012\u2009Ellen\u3000Tuch\u00a0", true, Description = "other spaces")]
    [TestCase("Größe:\u200b 12 Ellen Tuch ", false, Description = "a character that is not seen, and no space")]
    public async Task Only_the_exact_password_is_right(string password, bool isRight)
    {
        await _browser.RegisterAsync("grace@example.com", "Größe: 12 Ellen Tuch ");

        using var response = await _browser.PostAsync("/login/", new { email = "grace@example.com", password });

        Assert.That(response.StatusCode, Is.EqualTo(isRight ? HttpStatusCode.OK : HttpStatusCode.Unauthorized));
    }

    [TestCase("Gro\u0308ße: 12 Ellen Tuch")]
    [TestCase("Größe:\u00a012\u00a0Ellen\u00a0Tuch")]
    [TestCase("Größe: 12 Ellen\uffffTuch", Description = "has no normal form")]
    public async Task A_hash_of_the_password_as_it_was_typed_is_still_right(string password)
    {
        await _application.QueryAsync(async context =>
        {
            var user = await context.Users.SingleAsync();
            user.PasswordHash = new PasswordHasher<ApplicationUser>(Options.Create(new PasswordHasherOptions { IterationCount = 1_000 })).HashPassword(user, password);
            return await context.SaveChangesAsync();
        });

        await _browser.LogInAsync(password: password);

        Assert.That((await StoredUserAsync(_application)).PasswordHash, Does.StartWith("$argon2id$"));
        await _browser.LogInAsync(password: password);
        using var wrong = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = password + "\u00e9" });
        Assert.That(wrong.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_lock_of_a_clock_that_was_ahead_ends_with_the_span()
    {
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(set =>
            set.SetProperty(user => user.LockoutEnd, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero))));

        using var locked = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        _application.Time.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromMilliseconds(1));
        using var later = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        Assert.That(locked.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(later.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task An_account_locked_for_ever_stays_locked(bool isToTheMillisecond)
    {
        // As a copy of an SQLite file had it.
        var end = isToTheMillisecond ? DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()) : DateTimeOffset.MaxValue;
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.LockoutEnd, end)));

        for (var i = 0; i < 2; i++)
        {
            using var locked = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
            Assert.That(locked.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            _application.Time.Advance(TimeSpan.FromMinutes(6));
        }
    }

    [Test]
    public async Task Tries_while_locked_do_not_prolong_the_lock()
    {
        for (var i = 0; i < 5; i++)
        {
            using var wrong = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });
        }

        for (var i = 0; i < 10; i++)
        {
            _application.Time.Advance(TimeSpan.FromSeconds(30));
            using var wrong = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });
        }

        _application.Time.Advance(TimeSpan.FromMilliseconds(1));
        using var right = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        Assert.That(right.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_lock_is_logged_once()
    {
        var logger = new Mock<ILogger>();
        logger.Setup(log => log.IsEnabled(It.IsAny<LogLevel>())).Returns(true);
        var provider = Mock.Of<ILoggerProvider>(provider => provider.CreateLogger(It.IsAny<string>()) == logger.Object);
        await using var application = new AuthApiApplication(services => services.AddSingleton(provider), store: database);
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();
        for (var i = 0; i < 8; i++)
        {
            using var wrong = await browser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });
            application.Time.Advance(TimeSpan.FromSeconds(1));
        }

        var lines = logger.Invocations.Where(call => call.Method.Name == nameof(ILogger.Log)).Select(call => $"{call.Arguments[2]}");
        Assert.That(lines.Where(line => line.Contains("locked out", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            "User 1 is locked out until 2026-03-01 12:05:04Z, after too many wrong passwords. Sessions go on.",
        }));
    }

    [Test]
    public async Task Login_over_a_live_session_ends_that_session()
    {
        await _browser.LogInAsync();
        using var before = _browser.Copy();

        await _browser.LogInAsync();

        Assert.That(_browser.Token, Is.Not.EqualTo(before.Token));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await before.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
        Assert.That(await _application.EventsAsync(1), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SessionReplaced, AuditEvent.SignedIn }));
    }

    [Test]
    public async Task Login_as_another_user_ends_the_first_users_session()
    {
        await _browser.RegisterAsync("bob@example.com");
        await _browser.LogInAsync("ada@example.com");
        using var ada = _browser.Copy();

        await _browser.LogInAsync("bob@example.com");

        using var me = await _browser.GetAsync("/me/");
        Assert.That((await me.JsonAsync())["email"]!.GetValue<string>(), Is.EqualTo("bob@example.com"));
        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_failed_login_leaves_the_callers_session()
    {
        await _browser.LogInAsync();

        using var failure = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });

        Assert.That(failure.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_planted_token_is_not_adopted()
    {
        var planted = AuthApi.Sessions.SessionToken.Create().Reveal();
        _browser.Cookies["__Host-session"] = planted;

        await _browser.LogInAsync();

        Assert.That(_browser.Token, Is.Not.EqualTo(planted));
        using var attacker = _application.NewBrowser();
        attacker.Cookies["__Host-session"] = planted;
        Assert.That(await attacker.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Login_needs_a_password_and_an_address_or_a_name()
    {
        using var neither = await _browser.PostAsync("/login/", new { password = "x" });
        using var both = await _browser.PostAsync("/login/", new { email = "ada@example.com", userName = "ada", password = "x" });
        using var nothing = await _browser.PostAsync("/login/", new { email = "ada@example.com" });
        using var tooLong = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = new string('x', 1025) });

        using var empty = await _browser.PostAsync("/login/", new { });
        using var spaced = await _browser.PostAsync("/login/", new { email = " ada@example.com\u00a0", userName = "", password = Browser.Password });

        await empty.ShouldBeInvalidAsync("email", "password");
        Assert.That(spaced.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await neither.ShouldBeInvalidAsync("email");
        await both.ShouldBeInvalidAsync("email");
        await nothing.ShouldBeInvalidAsync("password");
        await tooLong.ShouldBeInvalidAsync("password");
    }

    private static Task<ApplicationUser> StoredUserAsync(AuthApiApplication application) =>
        application.QueryAsync(context => context.Users.AsNoTracking().SingleAsync());

    private sealed class CountedHasher : IPasswordHasher<ApplicationUser>
    {
        private readonly Argon2PasswordHasher _hasher = new(memoryKiB: 8, passes: 1);
        private int _count;

        public int Count => _count;

        public string HashPassword(ApplicationUser user, string password)
        {
            Interlocked.Increment(ref _count);
            return _hasher.HashPassword(user, password);
        }

        public PasswordVerificationResult VerifyHashedPassword(ApplicationUser user, string hashedPassword, string providedPassword)
        {
            Interlocked.Increment(ref _count);
            return _hasher.VerifyHashedPassword(user, hashedPassword, providedPassword);
        }
    }
}
