using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Security;

/// <summary>The decision of the guard, a row for every cell of its table in docs/security.md, and what it means for a session.</summary>
internal sealed class CrossSiteGuardTests
{
    private const string Own = "https://localhost";
    private const string Trusted = "https://app.example.com";
    private const string Evil = "https://evil.example";

    private AuthApiApplication _application = null!;
    private int _users;

    [OneTimeSetUp]
    public void StartApplication() => _application = new AuthApiApplication(settings: new() { ["Cors:AllowedOrigins"] = Trusted });

    [OneTimeTearDown]
    public async Task StopApplication() => await _application.DisposeAsync();

    // Fetch Metadata, where the browser sends it: the origin counts only where it is trusted by name.
    [TestCase("same-origin", null, true)]
    [TestCase("same-origin", Own, true)]
    [TestCase("same-origin", Evil, true, Description = "no page can forge Fetch Metadata; a proxy may have changed the host")]
    [TestCase("same-origin", "null", true, Description = "a page with Referrer-Policy: no-referrer says null of its own origin")]
    [TestCase("none", null, true, Description = "the person, not a page")]
    [TestCase("none", Own, true)]
    [TestCase("cross-site", null, false)]
    [TestCase("cross-site", Own, false)]
    [TestCase("cross-site", Evil, false)]
    [TestCase("cross-site", "null", false)]
    [TestCase("cross-site", Trusted, true)]
    [TestCase("same-site", null, false, Description = "a sibling subdomain is another origin")]
    [TestCase("same-site", Own, false)]
    [TestCase("same-site", Evil, false)]
    [TestCase("same-site", "null", false)]
    [TestCase("same-site", Trusted, true)]
    [TestCase("nonsense", null, false)]
    [TestCase("nonsense", Own, false)]
    [TestCase("nonsense", Trusted, true)]
    [TestCase("Same-Origin", null, false)]
    [TestCase("same-origin, cross-site", null, false)]

    // No Fetch Metadata: the origin decides.
    [TestCase(null, Own, true)]
    [TestCase(null, Trusted, true)]
    [TestCase(null, Evil, false)]
    [TestCase(null, "null", false)]
    [TestCase(null, "http://localhost", false, Description = "another scheme")]
    [TestCase(null, "https://localhost:444", false, Description = "another port")]
    [TestCase(null, "https://localhost.evil.example", false)]
    [TestCase(null, "https://evil.example@localhost", false)]
    [TestCase(null, "https://localhost/", false)]
    [TestCase(null, "HTTPS://LOCALHOST", false, Description = "no browser spells it so")]
    [TestCase(null, "https://app.example.com:443", false)]
    [TestCase(null, "https://app.example.com.evil.example", false)]
    [TestCase(null, "https://APP.example.com", false)]
    [TestCase(null, "http://app.example.com", false)]
    [TestCase(null, $"{Own}, {Evil}", false)]

    // Neither: no browser.
    [TestCase(null, null, true)]
    public async Task The_table_decides(string? site, string? origin, bool passes)
    {
        using var browser = await LoggedInAsync();

        using var response = await SendAsync(browser, HttpMethod.Post, "/logout/", site, origin);

        if (passes)
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }
        else
        {
            await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "cross_site_request");
            Assert.That(response.SetCookies(), Is.Empty);
            Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "the session goes on");
        }
    }

    [TestCase("http://localhost:5080", "http", "localhost:5080", true)]
    [TestCase("http://localhost", "http", "localhost:80", true, Description = "the scheme's own port goes without saying")]
    [TestCase("https://localhost", "https", "localhost:443", true)]
    [TestCase("https://localhost", "https", "LOCALHOST", true)]
    [TestCase("https://localhost:5080", "http", "localhost:5080", false)]
    [TestCase("http://[::1]:5080", "http", "[::1]:5080", true)]
    [TestCase("https://xn--mnchen-3ya.example", "https", "xn--mnchen-3ya.example", true)]
    [TestCase("https://evil.example", "https", "xn--mnchen-3ya.example", false)]
    public async Task An_origin_is_compared_by_scheme_host_and_port(string origin, string scheme, string host, bool passes)
    {
        using var browser = _application.NewBrowser(scheme);

        using var response = await browser.SendAsync(HttpMethod.Post, "/logout/", change: request =>
        {
            request.Headers.Host = host;
            request.Headers.TryAddWithoutValidation("Origin", origin);
        });

        Assert.That(response.StatusCode, Is.EqualTo(passes ? HttpStatusCode.Unauthorized : HttpStatusCode.Forbidden));
    }

    [TestCase("", null)]
    [TestCase(null, "")]
    public async Task An_empty_header_is_not_a_missing_one(string? site, string? origin)
    {
        // A real server, as the test server drops such headers.
        await using var application = new AuthApiApplication(kestrel: true);
        using var browser = application.NewBrowser();

        using var response = await SendAsync(browser, HttpMethod.Post, "/logout/", site, origin);

        await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "cross_site_request");
    }

    [TestCase("/login/")]
    [TestCase("/register/")]
    [TestCase("/reauthenticate/")]
    [TestCase("/logout/")]
    [TestCase("/nowhere/")]
    public async Task A_call_that_needs_no_session_is_guarded_too(string path)
    {
        using var browser = _application.NewBrowser();

        using var response = await SendAsync(browser, HttpMethod.Post, path, "cross-site", Evil, new StringContent("{}", null, "text/plain"));

        await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "cross_site_request");
        Assert.That(response.SetCookies(), Is.Empty);
    }

    [Test]
    public async Task A_form_of_another_page_logs_nobody_in()
    {
        using var browser = await LoggedInAsync();
        var before = browser.Token;
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["email"] = "mallory@example.com", ["password"] = Browser.Password });

        using var response = await SendAsync(browser, HttpMethod.Post, "/login/", "same-site", "https://sibling.localhost", form);

        await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "cross_site_request");
        Assert.That(browser.Token, Is.EqualTo(before));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("GET", HttpStatusCode.OK)]
    [TestCase("HEAD", HttpStatusCode.OK)]
    [TestCase("OPTIONS", HttpStatusCode.MethodNotAllowed)]
    [TestCase("TRACE", HttpStatusCode.MethodNotAllowed)]
    [TestCase("PUT", HttpStatusCode.Forbidden)]
    [TestCase("DELETE", HttpStatusCode.Forbidden)]
    [TestCase("PATCH", HttpStatusCode.Forbidden)]
    [TestCase("NONSENSE", HttpStatusCode.Forbidden)]
    public async Task Only_methods_that_change_nothing_pass_unchecked(string method, HttpStatusCode status)
    {
        using var browser = await LoggedInAsync();

        using var response = await SendAsync(browser, new HttpMethod(method), "/me/", "cross-site", Evil);

        Assert.That(response.StatusCode, Is.EqualTo(status));
    }

    [Test]
    public async Task A_header_session_is_guarded_as_a_cookie_is()
    {
        using var browser = _application.NewBrowser(transport: SessionTransport.Header);
        await browser.RegisterAsync("grace@example.com");
        await browser.LogInAsync("grace@example.com");

        using var response = await SendAsync(browser, HttpMethod.Post, "/logout/", "cross-site", Evil);

        await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "cross_site_request");
    }

    private static Task<HttpResponseMessage> SendAsync(
        Browser browser, HttpMethod method, string path, string? site, string? origin, HttpContent? content = null) =>
        browser.SendAsync(method, path, content, request =>
        {
            if (site is not null)
            {
                request.Headers.TryAddWithoutValidation("Sec-Fetch-Site", site);
            }

            if (origin is not null)
            {
                request.Headers.TryAddWithoutValidation("Origin", origin);
            }
        });

    private Task<Browser> LoggedInAsync() => _application.NewLoggedInBrowserAsync($"user{++_users}@example.com");
}
