using System.Net;
using AuthApi.Passwords;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Moq;

namespace AuthApi.Tests.Accounts;

[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class RegisterTests(TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [OneTimeSetUp]
    public void OneTimeSetUp() => database.Require();

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

    [Test]
    public async Task Register_makes_an_account_and_does_not_log_in()
    {
        using var response = await _browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password, userName = "ada" });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("""{"id":1,"email":"ada@example.com","userName":"ada"}"""));
        Assert.That(_browser.Cookies, Is.Empty);
    }

    [Test]
    public async Task Unknown_fields_are_ignored()
    {
        using var response = await _browser.PostAsync("/register/", new
        {
            email = "ada@example.com",
            password = Browser.Password,
            id = 42,
            emailConfirmed = true,
            roles = new[] { "Admin" },
            isAdmin = true,
            passwordHash = "x",
            lockoutEnabled = false,
        });

        Assert.That((await response.JsonAsync())["id"]!.GetValue<int>(), Is.EqualTo(1));
        var user = await _application.QueryAsync(context => context.Users.SingleAsync());
        Assert.That((user.EmailConfirmed, user.LockoutEnabled, user.PasswordHash == "x"), Is.EqualTo((false, true, false)));
        Assert.That(await _application.QueryAsync(context => context.UserRoles.AnyAsync()), Is.False);
    }

    [Test]
    public async Task The_user_name_is_the_address_when_left_out()
    {
        using var response = await _browser.PostAsync("/register/", new { email = "o'brien@example.com", password = Browser.Password });

        Assert.That((await response.JsonAsync())["userName"]!.GetValue<string>(), Is.EqualTo("o'brien@example.com"));
    }

    [TestCase("ada@example.com")]
    [TestCase("ADA@EXAMPLE.COM")]
    public async Task An_address_belongs_to_one_account(string email)
    {
        await _browser.RegisterAsync("ada@example.com");

        using var response = await _browser.PostAsync("/register/", new { email, password = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.Conflict, "email_taken");
    }

    [Test]
    public async Task A_user_name_belongs_to_one_account()
    {
        await _browser.RegisterAsync("ada@example.com", userName: "ada");

        using var response = await _browser.PostAsync("/register/", new { email = "bob@example.com", password = Browser.Password, userName = "ADA" });

        await response.ShouldBeProblemAsync(HttpStatusCode.Conflict, "user_name_taken");
    }

    [Test]
    public async Task Ten_registrations_of_one_address_make_one_account()
    {
        var statuses = await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            using var response = await _browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password });
            return response.StatusCode;
        }));

        Assert.That(statuses.Count(status => status == HttpStatusCode.Created), Is.EqualTo(1));
        Assert.That(statuses.Count(status => status == HttpStatusCode.Conflict), Is.EqualTo(9));
    }

    [Test]
    public async Task Ten_registrations_of_one_name_at_once_make_one_account()
    {
        var codes = await Task.WhenAll(Enumerable.Range(0, 10).Select(async i =>
        {
            using var response = await _browser.PostAsync("/register/", new { email = $"ada{i}@example.com", password = Browser.Password, userName = "ada" });
            return response.StatusCode == HttpStatusCode.Created ? "" : (await response.JsonAsync())["code"]!.GetValue<string>();
        }));

        Assert.That(codes.Count(code => code.Length == 0), Is.EqualTo(1));
        Assert.That(codes.Count(code => code == "user_name_taken"), Is.EqualTo(9));
    }

    [TestCase("")]
    [TestCase("ada")]
    [TestCase("ada@")]
    [TestCase("@example.com")]
    [TestCase("Ada <ada@example.com>")]
    [TestCase("ada@example.com\r\nBcc: eve@example.com")]
    [TestCase("ada\0@example.com")]
    [TestCase("ada @example.com")]
    [TestCase(null)]
    public async Task What_is_not_an_address_is_refused(string? email)
    {
        using var response = await _browser.PostAsync("/register/", new { email, password = Browser.Password });

        await response.ShouldBeInvalidAsync("email");
    }

    [Test]
    public async Task An_address_of_255_characters_is_refused()
    {
        using var response = await _browser.PostAsync("/register/", new { email = new string('a', 243) + "@example.com", password = Browser.Password });

        await response.ShouldBeInvalidAsync("email");
    }

    [TestCase("")]
    [TestCase(null)]
    public async Task An_empty_user_name_is_as_if_left_out(string? userName)
    {
        using var response = await _browser.PostAsync("/register/", new { email = " ada@example.com ", password = Browser.Password, userName });

        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("""{"id":1,"email":"ada@example.com","userName":"ada@example.com"}"""));
    }

    [TestCase("anna@bücher.example", "anna@xn--bcher-kva.example")]
    [TestCase("anna@xn--bcher-kva.example", "ANNA@bu\u0308cher.example")]
    [TestCase("e\u0301va@example.com", "\u00e9va@example.com ")]
    public async Task One_mailbox_is_one_account(string first, string second)
    {
        await _browser.RegisterAsync(first);

        using var response = await _browser.PostAsync("/register/", new { email = second, password = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.Conflict, "email_taken");
        await _browser.LogInAsync(second);
        using var me = await _browser.GetAsync("/me/");
        Assert.That((await me.JsonAsync())["email"]!.GetValue<string>(), Is.EqualTo(first), "stored as it was typed");
    }

    [Test]
    public async Task An_account_of_an_earlier_version_is_found()
    {
        await _browser.RegisterAsync("anna@bücher.example");
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(set => set
            .SetProperty(user => user.NormalizedEmail, "ANNA@BÜCHER.EXAMPLE")
            .SetProperty(user => user.NormalizedUserName, "ANNA@BÜCHER.EXAMPLE")));

        await _browser.LogInAsync("anna@xn--bcher-kva.example");
        using var byName = await _browser.PostAsync("/login/", new { userName = "anna@bücher.example", password = Browser.Password });
        using var again = await _browser.PostAsync("/register/", new { email = "anna@xn--bcher-kva.example", password = Browser.Password });

        Assert.That(byName.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await again.ShouldBeProblemAsync(HttpStatusCode.Conflict, "email_taken");
    }

    [TestCase("ada@example.com")] // another's address, perhaps
    [TestCase("ada lovelace")]
    [TestCase("ada\n")]
    [TestCase("аda")] // a Cyrillic а
    public async Task What_is_not_a_user_name_is_refused(string userName)
    {
        using var response = await _browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password, userName });

        await response.ShouldBeInvalidAsync("userName");
    }

    [TestCase("a", 14, false)]
    [TestCase("a", 15, true)]
    [TestCase("a", 1024, true)]
    [TestCase("a", 1025, false)]
    [TestCase("🔑", 14, false, Description = "28 chars of .NET, 56 bytes")]
    [TestCase("🔑", 15, true)]
    [TestCase("🔑", 1024, true)]
    [TestCase("🔑", 1025, false)]
    public async Task A_password_has_15_to_1024_characters(string first, int length, bool fits)
    {
        var password = string.Concat(Enumerable.Range(0, length).Select(index => char.ConvertFromUtf32(char.ConvertToUtf32(first, 0) + (index * index % 26))));

        using var response = await _browser.PostAsync("/register/", new { email = "ada@example.com", password });

        if (fits)
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created));
            await _browser.LogInAsync(password: password);
        }
        else
        {
            await response.ShouldBeInvalidAsync("password");
        }
    }

    [TestCase("aaaaaaaaaaaaaaa")]
    [TestCase("               ")]
    [TestCase("🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑")]
    [TestCase("passwordpassword")]
    [TestCase("P@ssw0rdP@ssw0rd")]
    [TestCase("123456789012345")]
    [TestCase("qwertyuiopasdfgh")]
    [TestCase("iloveyouiloveyou")]
    [TestCase("monkey dragon sunshine")]
    [TestCase("lovelace@example.com", Description = "the own address")]
    [TestCase("lovelacelovelace", Description = "the own name, twice")]
    [TestCase("countess1countess", Description = "the own user name, twice")]
    [TestCase("AuthApiAuthApi1", Description = "the service's name")]
    [TestCase("auth_api_password")]
    [TestCase("AUTH-API-LOGIN-2026")]
    [TestCase("abababababababab")]
    [TestCase("aA1!aA1!aA1!aA1!")]
    [TestCase("qwerqwerqwerqwer")]
    [TestCase("1/1/1990 1/1/1990")]
    [TestCase("1990123119901231199012311990123119901231")]
    [TestCase("drowssapdrowssapdrowssap", Description = "backwards")]
    [TestCase("adminadminadminadmin")]
    [TestCase("ex.com ex.com ex.com")]
    [TestCase("пароль пароль пароль")]
    [TestCase("Summer2024!Summer2024!")]
    [TestCase("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301", Description = "a letter and its accent, again and again")]
    [TestCase("ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ", Description = "wide letters")]
    [TestCase("p a s s w o r d 1 2 3")]
    public async Task A_guessable_password_is_refused(string password)
    {
        using var response = await _browser.PostAsync("/register/", new { email = "lovelace@example.com", userName = "countess1", password });

        await response.ShouldBeInvalidAsync("password");
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("easy to guess"));
    }

    [Test]
    public async Task A_password_may_be_guessable_for_one_user_only()
    {
        const string password = "my xk7vq2mzp4w 1";

        using var own = await _browser.PostAsync("/register/", new { email = "ada@example.com", userName = "xk7vq2mzp4w", password });
        await own.ShouldBeInvalidAsync("password");
        await _browser.RegisterAsync("bob@example.com", password);
    }

    [Test]
    public async Task A_password_that_is_too_long_is_refused_before_hashing()
    {
        var hasher = new Mock<IPasswordHasher<ApplicationUser>>();
        await using var application = new AuthApiApplication(services => services.Replace(ServiceDescriptor.Singleton(hasher.Object)), store: database);
        using var browser = application.NewBrowser();
        await application.WaitForWarmUpAsync();
        hasher.Invocations.Clear();

        foreach (var path in new[] { "/register/", "/login/" })
        {
            using var response = await browser.PostAsync(path, new { email = "ada@example.com", password = new string('x', 1025) });
            await response.ShouldBeInvalidAsync("password");
        }

        Assert.That(hasher.Invocations, Is.Empty);
    }

    [TestCase("")]
    [TestCase(null)]
    public async Task A_password_is_required(string? password)
    {
        using var register = await _browser.PostAsync("/register/", new { email = "ada@example.com", password });
        using var login = await _browser.PostAsync("/login/", new { email = "ada@example.com", password });

        await register.ShouldBeInvalidAsync("password");
        await login.ShouldBeInvalidAsync("password");
    }

    [Test]
    public async Task A_blank_password_is_a_password_like_any_other()
    {
        using var response = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = "   " });

        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [TestCase("  violet kettle drums at noon  ")]
    [TestCase("пароль из многих слов")]
    [TestCase("🔑🐢🍋🚲🎺🧊🪁🌵🐝🧲🎲🥁🪐🦉🧵")]
    [TestCase("violet\0kettle drums at noon")]
    [TestCase("{%)!~`(}[^&=]/;?$<", Description = "signs alone")]
    public async Task A_password_may_have_any_characters(string password)
    {
        await _browser.RegisterAsync(password: password);

        await _browser.LogInAsync(password: password);

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_password_is_hashed_with_Argon2id_as_OWASP_advises()
    {
        // Without what the harness adds to make other tests fast.
        await using var shipped = new AuthApiApplication(
            services => services.Replace(ServiceDescriptor.Singleton<IPasswordHasher<ApplicationUser>, Argon2PasswordHasher>()), store: database);
        using var browser = shipped.NewBrowser();

        await browser.RegisterAsync();

        Assert.That(
            await shipped.QueryAsync(context => context.Users.Select(user => user.PasswordHash).SingleAsync()),
            Does.Match(@"^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$"));
        await browser.LogInAsync();
    }
}
