using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Security;

internal sealed class PathPrefixTests
{
    private static readonly Dictionary<string, string?> Prefixed = new() { ["PathBase"] = "/auth" };

    [TestCase("/auth", Description = "the proxy keeps the prefix")]
    [TestCase("/AUTH")]
    [TestCase("", Description = "the proxy takes it off, or a probe asks directly")]
    public async Task The_api_is_served_below_the_prefix(string prefix)
    {
        await using var application = new AuthApiApplication(settings: Prefixed);
        using var browser = application.NewBrowser();
        using var register = await browser.PostAsync($"{prefix}/register/", new { email = "ada@example.com", password = Browser.Password });
        using var login = await browser.PostAsync($"{prefix}/login/", new { email = "ada@example.com", password = Browser.Password });
        using var me = await browser.GetAsync($"{prefix}/me/");
        using var logout = await browser.PostAsync($"{prefix}/logout");
        using var live = await browser.GetAsync($"{prefix}/health/live");
        using var wrong = await browser.SendAsync(HttpMethod.Get, $"{prefix}/logout/");
        using var after = await browser.GetAsync($"{prefix}/me/");

        Assert.That(
            new[] { register, login, me, logout, live, wrong, after }.Select(response => (int)response.StatusCode),
            Is.EqualTo(new[] { 201, 200, 200, 200, 200, 405, 401 }));
        Assert.That(login.SetCookies().Single(), Does.Contain("; path=/;").IgnoreCase, "__Host- allows no other");
        Assert.That(logout.SetCookies().Single(), Does.Contain("; path=/;").IgnoreCase);
    }

    [Test]
    public async Task The_address_of_what_was_made_has_the_prefix()
    {
        await using var application = new AuthApiApplication(settings: Prefixed);
        using var authenticator = new SoftwareAuthenticator();
        using var browser = await application.NewLoggedInBrowserAsync();
        using var options = await browser.PostAsync("/auth/passkeys/options/");

        using var made = await browser.PostAsync("/auth/passkeys/", new { credential = authenticator.Create(await options.JsonAsync()), name = "Phone" });

        Assert.That(made.Headers.Location?.OriginalString, Is.EqualTo($"/auth/passkeys/{authenticator.Id}/"));
    }

    [TestCase("/authentic/me/")]
    [TestCase("/other/me/")]
    public async Task Another_prefix_is_not_found(string path)
    {
        await using var application = new AuthApiApplication(settings: Prefixed);
        using var browser = application.NewBrowser();

        using var response = await browser.GetAsync(path);

        await response.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
    }

    [TestCase("/auth", "/auth")]
    [TestCase("/auth/", "/auth")]
    [TestCase("/a/b-c_d.e~f", "/a/b-c_d.e~f")]
    [TestCase("//evil.example", "", Description = "would lead to another site")]
    [TestCase("/\\evil.example", "")]
    [TestCase("/a/../b", "")]
    [TestCase("/a?b", "")]
    [TestCase("https://evil.example", "")]
    public async Task A_known_proxy_says_which_prefix_it_took_off(string forwarded, string prefix)
    {
        await using var application = new AuthApiApplication(settings: new() { ["ForwardedHeaders:KnownProxies"] = "127.0.0.1" }, kestrel: true);
        using var browser = application.NewBrowser();

        using var start = await GetStartPageAsync(browser, "/", forwarded);

        Assert.That(start.Headers.Location?.OriginalString, Is.EqualTo(prefix.Length == 0 ? "account/" : $"{prefix}/account/"));
    }

    [Test]
    public async Task A_stranger_does_not_say_the_prefix()
    {
        await using var application = new AuthApiApplication(settings: new() { ["ForwardedHeaders:KnownProxies"] = "192.0.2.1" }, kestrel: true);
        using var browser = application.NewBrowser();

        using var start = await GetStartPageAsync(browser, "/", "/auth");

        Assert.That(start.Headers.Location?.OriginalString, Is.EqualTo("account/"));
    }

    [TestCase("/auth", "/auth/me/", "/auth", Description = "kept and forwarded")]
    [TestCase("/auth", "/me/", "/auth")]
    [TestCase("/other", "/me/", "/auth", Description = "what is configured counts")]
    public async Task A_configured_prefix_is_not_doubled(string forwarded, string path, string prefix)
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["ForwardedHeaders:KnownProxies"] = "127.0.0.1", ["PathBase"] = "/auth/" }, kestrel: true);
        using var browser = application.NewBrowser();

        using var me = await browser.SendAsync(HttpMethod.Get, path, change: request => request.Headers.Add("X-Forwarded-Prefix", forwarded));
        using var start = await GetStartPageAsync(browser, path.Replace("me/", "", StringComparison.Ordinal), forwarded);

        await me.ShouldBeNotAuthenticatedAsync();
        Assert.That(start.Headers.Location?.OriginalString, Is.EqualTo($"{prefix}/account/"));
    }

    // It redirects to Swagger UI below the prefix; the document's own address is relative.
    private static Task<HttpResponseMessage> GetStartPageAsync(Browser browser, string path, string forwarded) =>
        browser.SendAsync(HttpMethod.Get, path, change: request =>
        {
            request.Headers.TryAddWithoutValidation("X-Forwarded-Prefix", forwarded);
            request.Headers.Add("Accept", "text/html");
        });
}
