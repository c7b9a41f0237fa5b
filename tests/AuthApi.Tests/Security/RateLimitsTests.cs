using System.Globalization;
using System.Net;
using AuthApi.Security;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Security;

/// <summary>On SQLite alone: a node counts requests in memory whatever its store is, and SharedCountsTests has what is counted in PostgreSQL, by that server's clock.</summary>
internal sealed class RateLimitsTests
{
    [Test]
    public async Task Too_many_tries_of_a_password_are_refused_but_logout_works()
    {
        await using var application = Limited();
        using var browser = await application.NewLoggedInBrowserAsync();
        using var guesser = application.NewBrowser();
        for (var tried = 1; tried < 10; tried++)
        {
            using var guess = await guesser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });
            await guess.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        }

        using var refused = await guesser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });
        using var right = await guesser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        using var reauthentication = await browser.PostAsync("/reauthenticate/", new { password = Browser.Password });

        foreach (var response in new[] { refused, right, reauthentication })
        {
            await response.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
            Assert.That(response.Headers.RetryAfter!.Delta, Is.InRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(6)));
            Assert.That(response.SetCookies(), Is.Empty);
        }

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "what is refused costs the session nothing");
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Too_many_registrations_are_refused()
    {
        await using var application = Limited(("RegistrationsPerHour", "3"));
        using var browser = application.NewBrowser();
        for (var made = 0; made < 3; made++)
        {
            await browser.RegisterAsync($"user{made}@example.com");
        }

        using var refused = await browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password });

        await refused.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
        Assert.That(refused.Headers.RetryAfter!.Delta, Is.InRange(TimeSpan.FromMinutes(19), TimeSpan.FromMinutes(20)));
        await browser.LogInAsync("user0@example.com");
    }

    [Test]
    public async Task Refused_registrations_do_not_use_up_the_accounts()
    {
        await using var application = Limited(("RegistrationsPerHour", "1"), ("RegistrationAttemptsPerHour", "4"));
        using var browser = application.NewBrowser();
        for (var tried = 0; tried < 3; tried++)
        {
            using var refused = await browser.PostAsync("/register/", new { email = "ada@example.com", password = "short" });
            await refused.ShouldBeInvalidAsync("password");
        }

        await browser.RegisterAsync("ada@example.com");

        using var another = await browser.PostAsync("/register/", new { email = "bob@example.com", password = Browser.Password });
        var problem = await another.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
        Assert.That(problem["title"]!.GetValue<string>(), Is.EqualTo("Too many requests. Try again in 60 minutes."));
        application.Time.Advance(TimeSpan.FromHours(1));
        for (var tried = 0; tried < 4; tried++)
        {
            using var refused = await browser.PostAsync("/register/", new { email = "eve@example.com", password = "short" });
            await refused.ShouldBeInvalidAsync("password");
        }

        using var last = await browser.PostAsync("/register/", new { email = "eve@example.com", password = "short" });
        await last.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
    }

    [TestCase("192.0.2.{0}", 100)]
    [TestCase("2001:db8:0:{0:x}::1", 8)]
    [TestCase("2001:db8:0:{0:x}00::1", 32)]
    [TestCase("2001:db8:{0:x}::1", 100)]
    public void An_ipv6_network_has_counts_of_its_own(string addresses, int passed)
    {
        using var count = new ClientCount(2, TimeSpan.FromMinutes(1), TimeProvider.System);

        var taken = Enumerable.Range(0, 200).Count(i => count.TryTake(
            CountedClient.Of(IPAddress.Parse(string.Format(CultureInfo.InvariantCulture, addresses, i / 4))), out _));

        Assert.That(taken, Is.EqualTo(passed));
    }

    [Test]
    public async Task An_address_with_no_requests_left_can_log_out()
    {
        await using var application = Limited(("RequestsPerMinute", "5"));
        using var browser = await application.NewLoggedInBrowserAsync();
        using var guesser = application.NewBrowser();
        guesser.Cookies["__Host-session"] = new string('A', 43);
        for (var asked = 0; asked < 5; asked++)
        {
            Assert.That(await guesser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        using var refused = await guesser.GetAsync("/me/");
        using var nowhere = await guesser.GetAsync("/nowhere/");
        using var logout = await browser.LogOutAsync();

        await refused.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
        await nowhere.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_stranger_at_the_address_does_not_block_a_session()
    {
        await using var application = Limited(("RequestsPerMinute", "3"));
        using var browser = await application.NewLoggedInBrowserAsync();
        using var stranger = application.NewBrowser();
        foreach (var (method, path) in new[] { (HttpMethod.Post, "/logout/"), (HttpMethod.Get, "/me/") })
        {
            for (var asked = 0; asked < 3; asked++)
            {
                using var dead = await stranger.SendAsync(method, path);
                await dead.ShouldBeNotAuthenticatedAsync();
            }

            using var refused = await stranger.SendAsync(method, path);
            await refused.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
        }

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_user_is_counted_at_every_address()
    {
        await using var application = Limited(("RequestsPerMinute", "3"));
        using var laptop = await application.NewLoggedInBrowserAsync();
        using var phone = application.NewBrowser();
        await phone.LogInAsync();
        using var other = await application.NewLoggedInBrowserAsync("bob@example.com");

        Assert.That(await laptop.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await laptop.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.TooManyRequests));
        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Another_address_has_its_own_counts()
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["RateLimiting:Enabled"] = "true", ["RateLimiting:RequestsPerMinute"] = "1", ["ForwardedHeaders:KnownProxies"] = "127.0.0.1" },
            kestrel: true);
        using var browser = application.NewBrowser();

        var statuses = new List<HttpStatusCode>();
        foreach (var address in new[] { "192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1" })
        {
            using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Add("X-Forwarded-For", address));
            statuses.Add(response.StatusCode);
        }

        const HttpStatusCode heard = HttpStatusCode.Unauthorized, refused = HttpStatusCode.TooManyRequests;
        Assert.That(statuses, Is.EqualTo(new[] { heard, refused, heard, heard, refused, heard }));
    }

    [Test]
    public async Task A_claimed_address_changes_nothing()
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["RateLimiting:Enabled"] = "true", ["RateLimiting:RequestsPerMinute"] = "1" }, kestrel: true);
        using var browser = application.NewBrowser();

        using var first = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Add("X-Forwarded-For", "192.0.2.1"));
        using var second = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Add("X-Forwarded-For", "192.0.2.2"));

        Assert.That(first.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(second.StatusCode, Is.EqualTo(HttpStatusCode.TooManyRequests));
    }

    [TestCase("192.0.2.1", "192.0.2.1", true)]
    [TestCase("192.0.2.1", "::ffff:192.0.2.1", true)]
    [TestCase("192.0.2.1", "192.0.2.2", false)]
    [TestCase("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true)]
    [TestCase("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    [TestCase("::", "0.0.0.0", false)]
    public void An_IPv6_client_is_its_64_bit_network(string one, string other, bool same)
    {
        Assert.That(CountedClient.Of(IPAddress.Parse(one)) == CountedClient.Of(IPAddress.Parse(other)), Is.EqualTo(same));
    }

    [Test]
    public async Task Disabled_limits_refuse_nothing()
    {
        await using var application = Limited(("Enabled", "false"), ("LoginsPerMinute", "1"));
        using var browser = await application.NewLoggedInBrowserAsync();

        await browser.LogInAsync();
    }

    private static AuthApiApplication Limited(params (string Key, string Value)[] settings) => new(
        settings: settings.Prepend(("Enabled", "true")).GroupBy(setting => setting.Item1).ToDictionary(setting => $"RateLimiting:{setting.Key}", setting => (string?)setting.Last().Item2));
}
