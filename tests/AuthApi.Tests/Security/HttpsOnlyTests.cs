using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Security;

internal sealed class HttpsOnlyTests
{
    [TestCase("GET", "/me/")]
    [TestCase("POST", "/login/")]
    [TestCase("POST", "/logout/")]
    [TestCase("GET", "/nowhere")]
    public async Task PlainHttpIsRefusedOutsideDevelopmentAndNotRedirected(string method, string path)
    {
        await using var application = new AuthApiApplication(environment: "Production");
        using var browser = application.NewBrowser("http");

        using var response = await browser.SendAsync(new HttpMethod(method), path);

        await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "https_required");
    }

    [Test]
    public async Task HttpsIsServedOutsideDevelopment()
    {
        await using var application = new AuthApiApplication(environment: "Production");
        using var browser = await application.NewLoggedInBrowserAsync();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("127.0.0.1", HttpStatusCode.Unauthorized, Description = "the proxy says HTTPS, and there is no session")]
    [TestCase("127.0.0.0/8", HttpStatusCode.Unauthorized)]
    [TestCase("192.0.2.1, 127.0.0.1", HttpStatusCode.Unauthorized)]
    [TestCase("192.0.2.1", HttpStatusCode.BadRequest, Description = "this one is not the proxy")]
    public async Task OnlyAKnownProxyMaySayThatItWasHttps(string knownProxies, HttpStatusCode status)
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["ForwardedHeaders:KnownProxies"] = knownProxies }, environment: "Production", kestrel: true);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Add("X-Forwarded-Proto", "https"));

        Assert.That(response.StatusCode, Is.EqualTo(status));
    }
}
