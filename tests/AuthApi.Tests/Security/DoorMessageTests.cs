using System.Net;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.Security;

/// <summary>A refusal of the door names the value that was refused and the setting that decides it, to the caller and once a minute in the log.</summary>
internal sealed class DoorMessageTests
{
    private LogLines _log = null!;

    [SetUp]
    public void StartLog() => _log = new LogLines();

    [TearDown]
    public void EndLog() => _log.Dispose();

    [Test]
    public async Task A_refused_origin_is_named_with_its_setting()
    {
        await using var application = Application([]);
        using var browser = application.NewBrowser();

        for (var i = 0; i < 3; i++)
        {
            using var response = await browser.SendAsync(
                HttpMethod.Post, "/logout/", change: request => request.Headers.Add("Origin", "https://app.example.com"));
            var problem = await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "cross_site_request");
            Assert.That(problem["detail"]!.GetValue<string>(), Does.Contain("'https://app.example.com'").And.Contain("Cors:AllowedOrigins"));
        }

        Assert.That(_log.Of("CrossSiteGuard").Single(), Does.Contain("'https://app.example.com'").And.Contain("https://localhost").And.Contain("Cors:AllowedOrigins"));
    }

    [Test]
    public async Task A_refused_fetch_site_is_named()
    {
        await using var application = Application([]);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(
            HttpMethod.Post, "/logout/", change: request => request.Headers.Add("Sec-Fetch-Site", "same-site"));

        var problem = await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "cross_site_request");
        Assert.That(problem["detail"]!.GetValue<string>(), Does.Contain("Sec-Fetch-Site").And.Contain("'same-site'").And.Contain("Cors:AllowedOrigins"));
    }

    [Test]
    public async Task A_refused_value_is_cut_and_has_no_control_characters()
    {
        await using var application = Application([], kestrel: true);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(
            HttpMethod.Post, "/logout/", change: request => request.Headers.TryAddWithoutValidation("Origin", "https://a\tb\u001b" + new string('x', 5000)));

        var problem = await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "cross_site_request");
        Assert.That(problem["detail"]!.GetValue<string>(), Has.Length.LessThan(250).And.Contain("'https://a?b?xxx"));
        Assert.That(_log.Of("CrossSiteGuard").Single(), Has.Length.LessThan(400).And.Contain("'https://a?b?xxx"));
    }

    [Test]
    public async Task A_refused_host_is_named_with_its_setting()
    {
        await using var application = Application(new() { ["AllowedHosts"] = "api.example.com" });
        using var browser = application.NewBrowser();

        for (var i = 0; i < 3; i++)
        {
            using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Host = "evil.example:8443");
            var problem = await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "host_not_allowed");
            Assert.That(problem["detail"]!.GetValue<string>(), Does.Contain("'evil.example:8443'").And.Contain("AllowedHosts"));
        }

        Assert.That(_log.Of("AllowedHosts").Single(), Does.Contain("'evil.example:8443'").And.Contain("AllowedHosts"));
    }

    [TestCase(null)]
    [TestCase("192.0.2.1")]
    [TestCase("192.0.2.0/24")]
    public async Task A_proxy_that_is_not_named_is_said_with_its_address(string? knownProxies)
    {
        await using var application = Application(new() { ["ForwardedHeaders:KnownProxies"] = knownProxies }, "Production", kestrel: true);
        using var browser = application.NewBrowser();

        for (var i = 0; i < 3; i++)
        {
            using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Add("X-Forwarded-Proto", "https"));
            var problem = await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "https_required");
            Assert.That(problem["detail"]!.GetValue<string>(), Does.Contain("ForwardedHeaders:KnownProxies does not name the proxy"));
        }

        Assert.That(_log.Of("KnownProxies").Single(), Does.Contain("127.0.0.1").And.Contain("ForwardedHeaders:KnownProxies"));
    }

    [Test]
    public async Task A_proxy_that_is_named_is_not_warned_of()
    {
        await using var application = Application(new() { ["ForwardedHeaders:KnownProxies"] = "127.0.0.0/8" }, "Production", kestrel: true);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Add("X-Forwarded-Proto", "https"));

        await response.ShouldBeNotAuthenticatedAsync();
        Assert.That(_log.Of("KnownProxies"), Is.Empty);
    }

    [Test]
    public async Task Plain_http_names_the_setting_of_proxies()
    {
        await using var application = Application([], "Production");
        using var browser = application.NewBrowser("http");

        for (var i = 0; i < 3; i++)
        {
            using var response = await browser.GetAsync("/me/");
            var problem = await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "https_required");
            Assert.That(problem["detail"]!.GetValue<string>(), Does.Contain("ForwardedHeaders:KnownProxies"));
        }

        Assert.That(_log.Of("HttpsOnly").Single(), Does.Contain("ForwardedHeaders:KnownProxies"));
        Assert.That(_log.Of("KnownProxies"), Is.Empty);
    }

    [TestCase("Cookie", "a=")]
    [TestCase("Authorization", "Session ")]
    public async Task A_header_that_is_too_large_is_named_with_its_length(string name, string value)
    {
        await using var application = Application([]);
        using var browser = application.NewBrowser();

        for (var i = 0; i < 3; i++)
        {
            using var response = await browser.SendAsync(
                HttpMethod.Get, "/me/", change: request => request.Headers.TryAddWithoutValidation(name, value + new string('x', 20_000)));
            var problem = await response.ShouldBeProblemAsync(HttpStatusCode.RequestHeaderFieldsTooLarge, "headers_too_large");
            Assert.That(problem["detail"]!.GetValue<string>(), Does.Contain(name).And.Contain("20,00").And.Contain("16,384"));
        }

        Assert.That(_log.Of("HeaderLimit").Single(), Does.Contain(name));
    }

    private AuthApiApplication Application(Dictionary<string, string?> settings, string environment = "Development", bool kestrel = false) =>
        new(services => services.AddSingleton<ILoggerProvider>(_log), settings, environment, kestrel);
}
