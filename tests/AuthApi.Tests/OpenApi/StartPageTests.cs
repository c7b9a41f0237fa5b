using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.OpenApi;

internal sealed class StartPageTests
{
    private const string Navigation = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    [TestCase("GET")]
    [TestCase("HEAD")]
    public async Task Without_the_account_page_a_browser_is_led_to_Swagger(string method)
    {
        await using var application = new AuthApiApplication(settings: new() { ["AccountPage:Enabled"] = "false" });
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(new HttpMethod(method), "/", change: request => request.Headers.Add("Accept", Navigation));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Redirect));
        Assert.That(response.Headers.Location?.OriginalString, Is.EqualTo("swagger/"));
        Assert.That(response.Headers.CacheControl?.NoStore, Is.True);
    }

    [TestCase("GET", Navigation, "Production", "true")]
    [TestCase("GET", Navigation, "Development", "false")]
    [TestCase("GET", "application/json", "Development", "true")]
    [TestCase("GET", "*/*", "Development", "true", Description = "curl")]
    [TestCase("POST", Navigation, "Development", "true")]
    public async Task Elsewhere_the_root_is_not_found(string method, string accept, string environment, string swagger)
    {
        await using var application = new AuthApiApplication(settings: new() { ["Swagger:Enabled"] = swagger, ["AccountPage:Enabled"] = "false" }, environment: environment);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(new HttpMethod(method), "/", change: request => request.Headers.Add("Accept", accept));

        await response.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
    }

    [TestCase("Development", HttpStatusCode.NoContent)]
    [TestCase("Production", HttpStatusCode.NotFound)]
    public async Task An_icon_is_no_error_in_development(string environment, HttpStatusCode status)
    {
        await using var application = new AuthApiApplication(environment: environment);
        using var browser = application.NewBrowser();

        using var response = await browser.GetAsync("/favicon.ico");

        Assert.That(response.StatusCode, Is.EqualTo(status));
    }
}
