using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Security;

internal sealed class AllowedHostsTests
{
    [TestCase("*", "anything.example", true)]
    [TestCase("api.example.com", "api.example.com", true)]
    [TestCase("api.example.com", "API.example.com:8443", true)]
    [TestCase("api.example.com;localhost", "localhost", true)]
    [TestCase("*.example.com", "api.example.com", true)]
    [TestCase("*.example.com", "example.com", false)]
    [TestCase("api.example.com", "api.example.com.", true, Description = "a final dot means nothing")]
    [TestCase("api.example.com", "api.example.com.:8443", true)]
    [TestCase("api.example.com", "api.example.com.:0", true)]
    [TestCase("api.example.com.", "api.example.com", true)]
    [TestCase("*.example.com", "api.example.com.", true)]
    [TestCase("api.example.com", "api.example.com..", false)]
    [TestCase("api.example.com", ".", false)]
    [TestCase("api.example.com", "evil.example", false)]
    [TestCase("api.example.com", "api.example.com.evil.example", false)]
    public async Task A_host_that_is_not_listed_is_refused(string allowed, string host, bool passes)
    {
        await using var application = new AuthApiApplication(settings: new() { ["AllowedHosts"] = allowed });
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.TryAddWithoutValidation("Host", host));

        if (passes)
        {
            await response.ShouldBeNotAuthenticatedAsync();
        }
        else
        {
            await response.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "host_not_allowed");
        }
    }
}
