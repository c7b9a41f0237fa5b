using System.Net;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Moq;

namespace AuthApi.Tests.Security;

internal sealed class SecurityHeadersTests
{
    private const string DataPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Every header that every answer has, with its value; the one of pages is the exception.</summary>
    private static readonly Dictionary<string, string> Expected = new(StringComparer.Ordinal)
    {
        ["Cache-Control"] = "no-store",
        ["Content-Security-Policy"] = DataPolicy,
        ["Cross-Origin-Resource-Policy"] = "same-origin",
        ["Referrer-Policy"] = "no-referrer",
        ["Vary"] = "Origin, Sec-Fetch-Site",
        ["X-Content-Type-Options"] = "nosniff",
    };

    private static readonly string[] Absent = ["Server", "X-Powered-By", "Location", "Pragma", "Expires"];

    [TestCase("GET", "/me/", HttpStatusCode.OK)]
    [TestCase("GET", "/nowhere/", HttpStatusCode.NotFound)]
    [TestCase("PUT", "/me/", HttpStatusCode.MethodNotAllowed)]
    [TestCase("POST", "/login/", HttpStatusCode.UnsupportedMediaType)]
    [TestCase("POST", "/logout/?scope=nonsense", HttpStatusCode.BadRequest)]
    [TestCase("POST", "/logout/", HttpStatusCode.OK)]
    public async Task Every_answer_has_the_headers(string method, string path, HttpStatusCode status)
    {
        await using var application = new AuthApiApplication();
        using var browser = await application.NewLoggedInBrowserAsync();

        using var response = await browser.SendAsync(new HttpMethod(method), path);

        Assert.That(response.StatusCode, Is.EqualTo(status));
        ShouldHaveAll(response);
    }

    [Test]
    public async Task A_500_has_the_headers_too()
    {
        var store = new Mock<IUserSessionStore>();
        store.Setup(it => it.FindAsync(It.IsAny<TokenHash>())).ThrowsAsync(new InvalidOperationException("a bug"));
        await using var application = new AuthApiApplication(services => services.Replace(ServiceDescriptor.Singleton(store.Object)));
        using var browser = application.NewBrowser();
        browser.Cookies["__Host-session"] = new string('A', 43);

        using var response = await browser.GetAsync("/me/");

        await response.ShouldBeProblemAsync(HttpStatusCode.InternalServerError, "internal_error");
        ShouldHaveAll(response);
    }

    [Test]
    public async Task HSTS_is_sent_over_HTTPS([Values("/me/", "/swagger/")] string path, [Values("https", "http")] string scheme, [Values] bool isLocal, [Values] bool isDevelopment)
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["Swagger:Enabled"] = "true" }, environment: isDevelopment ? "Development" : "Production");
        using var browser = application.NewBrowser(scheme);

        using var response = await browser.SendAsync(
            HttpMethod.Get, path, change: request => request.Headers.Host = isLocal ? "localhost" : "api.example.com");

        var value = scheme == "https" && !isLocal && !isDevelopment ? "max-age=31536000" : null;

        Assert.That(response.Headers.TryGetValues("Strict-Transport-Security", out var values) ? values.Single() : null, Is.EqualTo(value));
    }

    [Test]
    public async Task Swagger_UI_may_load_only_its_own_files()
    {
        await using var application = new AuthApiApplication();
        using var browser = application.NewBrowser();

        using var page = await browser.GetAsync("/swagger/");
        var html = await page.Content.ReadAsStringAsync();

        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.That(policy, Does.StartWith("default-src 'none'; script-src 'self'; "));
        Assert.That(policy, Does.Contain("frame-ancestors 'none'").And.Not.Contain("unsafe-").And.Not.Contain("*"));
        Assert.That(html, Does.Not.Contain("<script>"), "a script in the page would not run");
        ShouldHaveAll(page, policy);
    }

    [TestCase("30.00:00:00", "true", "max-age=2592000; includeSubDomains")]
    [TestCase("00:00:00", "false", "max-age=0")]
    public async Task Hsts_is_as_configured_and_on_errors_too(string maxAge, string subdomains, string expected)
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["Hsts:MaxAge"] = maxAge, ["Hsts:IncludeSubDomains"] = subdomains }, environment: "Production");
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(
            HttpMethod.Get, "/nowhere/", change: request => request.Headers.Host = "api.example.com");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(response.Headers.GetValues("Strict-Transport-Security"), Is.EqualTo(new[] { expected }));
    }

    private static void ShouldHaveAll(HttpResponseMessage response, string contentPolicy = DataPolicy)
    {
        var headers = response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
        using (Assert.EnterMultipleScope())
        {
            foreach (var (name, value) in Expected)
            {
                Assert.That(headers.GetValueOrDefault(name), Is.EqualTo(value == DataPolicy ? contentPolicy : value), name);
            }

            Assert.That(headers.Keys.Intersect(Absent, StringComparer.OrdinalIgnoreCase), Is.Empty);
        }
    }
}
