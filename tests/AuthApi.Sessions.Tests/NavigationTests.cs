using System.Net;

namespace AuthApi.Sessions.Tests;

/// <summary>Redirects to the pages of an application, for a browser's navigation only.</summary>
internal sealed class NavigationTests
{
    private const string Html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    private StockApplication _application = null!;
    private StockApplication _withoutPages = null!;

    [OneTimeSetUp]
    public async Task OneTimeSetUp()
    {
        _application = await StockApplication.StartAsync(new()
        {
            Options = options => (options.LoginPath, options.AccessDeniedPath, options.ReturnUrlParameter) = ("/in", "/no", "to"),
        });
        _withoutPages = await StockApplication.StartAsync(new() { Options = options => (options.LoginPath, options.AccessDeniedPath) = (default, default) });
        using var browser = _application.NewBrowser();
        await browser.SignUpAsync();
    }

    [OneTimeTearDown]
    public async Task OneTimeTearDown()
    {
        await _application.DisposeAsync();
        await _withoutPages.DisposeAsync();
    }

    [TestCase("GET", Html, null)]
    [TestCase("HEAD", Html, null)]
    [TestCase("GET", Html, "navigate")]
    [TestCase("GET", "*/*", "navigate", Description = "as some browsers say it")]
    public async Task A_navigation_without_a_session_is_redirected_to_the_login(string method, string accept, string? mode)
    {
        using var browser = _application.NewBrowser();

        using var response = await SendAsync(browser, method, "/page/?a=1&b=%26", accept, mode);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Redirect));
        Assert.That(response.Headers.Location!.OriginalString, Is.EqualTo("https://localhost/in?to=%2Fpage%2F%3Fa%3D1%26b%3D%2526"));
        Assert.That(response.Headers.CacheControl!.NoStore, Is.True);
    }

    [TestCase("POST", Html, null)]
    [TestCase("POST", Html, "navigate", Description = "a form")]
    [TestCase("GET", Html, "cors")]
    [TestCase("GET", Html, "no-cors")]
    [TestCase("GET", Html, "same-origin")]
    [TestCase("GET", "application/json", null)]
    [TestCase("GET", "*/*", null)]
    [TestCase("GET", "text/html;q=0", null)]
    [TestCase("GET", "nonsense", null)]
    [TestCase("GET", null, null)]
    public async Task Anything_else_without_a_session_is_a_401(string method, string? accept, string? mode)
    {
        using var browser = _application.NewBrowser();

        using var response = await SendAsync(browser, method, "/page/", accept, mode);

        await response.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        Assert.That(response.Headers.WwwAuthenticate.ToString(), Does.StartWith("Session realm="));
    }

    [Test]
    public async Task A_dead_cookie_is_redirected_too()
    {
        using var browser = _application.NewBrowser();
        browser.Cookies["__Host-session"] = SessionToken.Create().Reveal();

        using var response = await SendAsync(browser, "GET", "/page/", Html, "navigate");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Redirect));
    }

    [Test]
    public async Task A_page_that_is_forbidden_redirects_a_navigation_only()
    {
        using var browser = await _application.NewLogInAsync();

        using var navigation = await SendAsync(browser, "GET", "/admin/", Html, "navigate");
        using var script = await SendAsync(browser, "GET", "/admin/", "application/json", "cors");

        Assert.That(navigation.StatusCode, Is.EqualTo(HttpStatusCode.Redirect));
        Assert.That(navigation.Headers.Location!.OriginalString, Is.EqualTo("https://localhost/no?to=%2Fadmin%2F"));
        await script.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "forbidden");
    }

    [Test]
    public async Task Without_pages_there_is_never_a_redirect()
    {
        using var browser = await _withoutPages.NewLoggedInBrowserAsync();

        using var forbidden = await SendAsync(browser, "GET", "/admin/", Html, "navigate");
        using var unauthorized = await SendAsync(_withoutPages.NewBrowser(), "GET", "/page/", Html, "navigate");

        await forbidden.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "forbidden");
        await unauthorized.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
    }

    [Test]
    public async Task A_login_page_under_a_path_base_is_redirected_to_with_it()
    {
        await using var application = await StockApplication.StartAsync(new()
        {
            Options = options => options.LoginPath = "/in",
            Pipeline = application => Microsoft.AspNetCore.Builder.UsePathBaseExtensions.UsePathBase(application, "/shop"),
        });

        using var response = await SendAsync(application.NewBrowser(), "GET", "/shop/page/", Html, "navigate");

        Assert.That(response.Headers.Location?.OriginalString, Is.EqualTo("https://localhost/shop/in?ReturnUrl=%2Fshop%2Fpage%2F"));
    }

    private static Task<HttpResponseMessage> SendAsync(Browser browser, string method, string path, string? accept, string? mode) =>
        browser.SendAsync(new HttpMethod(method), path, change: request =>
        {
            if (accept is not null)
            {
                request.Headers.TryAddWithoutValidation("Accept", accept);
            }

            if (mode is not null)
            {
                request.Headers.Add("Sec-Fetch-Mode", mode);
            }
        });
}
