using System.Net;
using System.Net.Http.Json;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Security;

internal sealed class HttpsOnlyTests
{
    [TestCase("GET", "/me/")]
    [TestCase("POST", "/login/")]
    [TestCase("POST", "/logout/")]
    [TestCase("GET", "/nowhere")]
    public async Task Plain_HTTP_is_refused_outside_Development(string method, string path)
    {
        await using var application = new AuthApiApplication(environment: "Production");
        using var browser = application.NewBrowser("http");

        using var response = await browser.SendAsync(new HttpMethod(method), path);

        await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "https_required");
    }

    [Test]
    public async Task HTTPS_is_served_outside_Development()
    {
        await using var application = new AuthApiApplication(environment: "Production");
        using var browser = await application.NewLoggedInBrowserAsync();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("127.0.0.1", HttpStatusCode.Unauthorized, Description = "the proxy says HTTPS, and there is no session")]
    [TestCase("127.0.0.0/8", HttpStatusCode.Unauthorized)]
    [TestCase("192.0.2.1, 127.0.0.1", HttpStatusCode.Unauthorized)]
    [TestCase("192.0.2.1", HttpStatusCode.BadRequest, Description = "this one is not the proxy")]
    public async Task Only_a_known_proxy_may_say_it_was_HTTPS(string knownProxies, HttpStatusCode status)
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["ForwardedHeaders:KnownProxies"] = knownProxies }, environment: "Production", kestrel: true);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Add("X-Forwarded-Proto", "https"));

        Assert.That(response.StatusCode, Is.EqualTo(status));
    }

    [TestCase("127.0.0.1", 1, "198.51.100.1", "198.51.100.1")]
    [TestCase("127.0.0.1", 1, "203.0.113.9, 198.51.100.1", "198.51.100.1", Description = "the client's own word is not taken")]
    [TestCase("127.0.0.1, 10.0.0.0/8", 2, "198.51.100.1, 10.0.0.1", "198.51.100.1", Description = "two proxies, both named")]
    [TestCase("127.0.0.1, 10.0.0.0/8", 2, "203.0.113.9, 198.51.100.1, 10.0.0.1", "198.51.100.1")]
    [TestCase("127.0.0.1", 2, "198.51.100.1, 10.0.0.1", "10.0.0.1", Description = "the second is not named")]
    [TestCase("127.0.0.1, 10.0.0.0/8", 1, "203.0.113.9, 10.0.0.7", "10.0.0.7", Description = "a client inside a known network does not choose its address")]
    [TestCase("127.0.0.1, 10.0.0.0/8", 2, "203.0.113.9, 10.0.0.7, 10.0.0.1", "10.0.0.7")]
    public async Task The_client_is_the_one_before_the_named_proxies(string knownProxies, int limit, string forwardedFor, string client)
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["ForwardedHeaders:KnownProxies"] = knownProxies, ["ForwardedHeaders:ForwardLimit"] = $"{limit}" }, kestrel: true);
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();

        using var login = await browser.SendAsync(
            HttpMethod.Post,
            "/login/",
            JsonContent.Create(new { email = "ada@example.com", password = Browser.Password }),
            request => request.Headers.Add("X-Forwarded-For", forwardedFor));

        Assert.That((await login.JsonAsync())["session"]!["ipAddress"]!.GetValue<string>(), Is.EqualTo(client));
    }

    [Test]
    public async Task One_hop_is_believed_by_default()
    {
        await using var application = new AuthApiApplication(settings: new() { ["ForwardedHeaders:KnownProxies"] = "127.0.0.0/8" }, environment: "Production", kestrel: true);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Add("X-Forwarded-Proto", "https, http"));

        await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "https_required");
    }
}
