using System.Net;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthApi.Tests.Accounts;

internal sealed class RegisterTests
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [SetUp]
    public void SetUp()
    {
        _application = new AuthApiApplication();
        _browser = _application.NewBrowser();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task RegisterMakesAnAccountAndDoesNotLogIn()
    {
        using var response = await _browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password, userName = "ada" });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("""{"id":1,"email":"ada@example.com","userName":"ada"}"""));
        Assert.That(_browser.Cookies, Is.Empty);
    }

    [Test]
    public async Task TheUserNameIsTheAddressWhenLeftOut()
    {
        using var response = await _browser.PostAsync("/register/", new { email = "o'brien@example.com", password = Browser.Password });

        Assert.That((await response.JsonAsync())["userName"]!.GetValue<string>(), Is.EqualTo("o'brien@example.com"));
    }

    [TestCase("ada@example.com")]
    [TestCase("ADA@EXAMPLE.COM")]
    public async Task AnAddressBelongsToOneAccount(string email)
    {
        await _browser.RegisterAsync("ada@example.com");

        using var response = await _browser.PostAsync("/register/", new { email, password = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.Conflict, "email_taken");
    }

    [Test]
    public async Task AUserNameBelongsToOneAccount()
    {
        await _browser.RegisterAsync("ada@example.com", userName: "ada");

        using var response = await _browser.PostAsync("/register/", new { email = "bob@example.com", password = Browser.Password, userName = "ADA" });

        await response.ShouldBeInvalidAsync("userName");
    }

    [Test]
    public async Task TenRegistrationsOfOneAddressAtOnceMakeOneAccount()
    {
        var statuses = await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            using var response = await _browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password });
            return response.StatusCode;
        }));

        Assert.That(statuses.Count(status => status == HttpStatusCode.Created), Is.EqualTo(1));
        Assert.That(statuses.Count(status => status == HttpStatusCode.Conflict), Is.EqualTo(9));
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
    public async Task WhatIsNotAnAddressIsRefused(string? email)
    {
        using var response = await _browser.PostAsync("/register/", new { email, password = Browser.Password });

        await response.ShouldBeInvalidAsync("email");
    }

    [Test]
    public async Task AnAddressOf255CharactersIsRefused()
    {
        using var response = await _browser.PostAsync("/register/", new { email = new string('a', 243) + "@example.com", password = Browser.Password });

        await response.ShouldBeInvalidAsync("email");
    }

    [TestCase("ada@example.com")] // another's address, perhaps
    [TestCase("ada lovelace")]
    [TestCase("ada\n")]
    [TestCase("")]
    [TestCase("аda")] // a Cyrillic а
    public async Task WhatIsNotAUserNameIsRefused(string userName)
    {
        using var response = await _browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password, userName });

        await response.ShouldBeInvalidAsync("userName");
    }

    [TestCase(14, false)]
    [TestCase(15, true)]
    [TestCase(1024, true)]
    [TestCase(1025, false)]
    public async Task APasswordHas15To1024Characters(int length, bool fits)
    {
        var password = string.Concat(Enumerable.Range(0, length).Select(index => (char)('a' + (index % 26))));

        using var response = await _browser.PostAsync("/register/", new { email = "ada@example.com", password });

        if (fits)
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        }
        else
        {
            await response.ShouldBeInvalidAsync("password");
        }
    }

    [TestCase("  spaces around me  ")]
    [TestCase("пароль из многих слов")]
    [TestCase("🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑")]
    [TestCase("with\0 a NUL in the middle")]
    public async Task APasswordMayBeOfAnyCharacters(string password)
    {
        await _browser.RegisterAsync(password: password);

        await _browser.LogInAsync(password: password);

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task ThePasswordIsHashedAsOftenAsOwaspAdvises()
    {
        // Without what the harness adds last, to make other tests quick.
        await using var shipped = new AuthApiApplication(services =>
            services.Remove(services.Last(service => service.ServiceType == typeof(IConfigureOptions<PasswordHasherOptions>))));

        Assert.That(shipped.Services.GetRequiredService<IOptions<PasswordHasherOptions>>().Value.IterationCount, Is.EqualTo(220_000));
    }
}
