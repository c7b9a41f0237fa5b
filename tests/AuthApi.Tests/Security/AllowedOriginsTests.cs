using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Security;

/// <summary>CORS: which pages of other origins may read answers.</summary>
internal sealed class AllowedOriginsTests
{
    private const string Trusted = "https://app.example.com";

    [TestCase("https://app.example.com, https://other.example.com:8443", Trusted, true)]
    [TestCase("https://app.example.com, https://other.example.com:8443", "https://other.example.com:8443", true)]
    [TestCase("capacitor://localhost", "capacitor://localhost", true)]
    [TestCase("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443", true)]
    [TestCase("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example", true)]
    [TestCase("https://*.example.com", Trusted, true)]
    [TestCase("https://*.example.com", "https://example.com", false)]
    [TestCase(Trusted, "https://evil.example", false)]
    [TestCase(Trusted, "https://app.example.com:444", false)]
    [TestCase(Trusted, "https://sub.app.example.com", false)]
    [TestCase(Trusted, "null", false)]
    [TestCase("", Trusted, false)]
    public async Task Only_a_listed_origin_reads_answers_and_sends_its_cookie(string allowed, string origin, bool may)
    {
        await using var application = new AuthApiApplication(settings: new() { ["Cors:AllowedOrigins"] = allowed });
        using var browser = await application.NewLoggedInBrowserAsync();

        using var preflight = await browser.SendAsync(HttpMethod.Options, "/logout/", change: request =>
        {
            request.Headers.Add("Origin", origin);
            request.Headers.Add("Access-Control-Request-Method", "POST");
            request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        });
        using var answer = await browser.SendAsync(HttpMethod.Get, "/me/", change: request => request.Headers.Add("Origin", origin));
        using var error = await browser.SendAsync(HttpMethod.Get, "/nowhere/", change: request => request.Headers.Add("Origin", origin));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        foreach (var response in new[] { preflight, answer, error })
        {
            Assert.That(Header(response, "Access-Control-Allow-Origin"), Is.EqualTo(may ? origin : null));
            Assert.That(Header(response, "Access-Control-Allow-Credentials"), Is.EqualTo(may ? "true" : null));
            Assert.That(response.Headers.Vary, Does.Contain("Origin").And.Contain("Sec-Fetch-Site"));
        }

        Assert.That(Header(preflight, "Access-Control-Allow-Headers"), may ? Does.Contain("Authorization").And.Contain("Content-Type") : Is.Null);
        Assert.That(Header(preflight, "Access-Control-Allow-Methods"), may ? Does.Contain("POST").And.Contain("DELETE") : Is.Null);
    }

    [Test]
    public async Task A_page_of_an_allowed_origin_logs_in_and_out()
    {
        await using var application = new AuthApiApplication(settings: new() { ["Cors:AllowedOrigins:0"] = Trusted });
        using var browser = await application.NewLoggedInBrowserAsync();

        using var response = await browser.SendAsync(HttpMethod.Post, "/logout/", change: request =>
        {
            request.Headers.Add("Origin", Trusted);
            request.Headers.Add("Sec-Fetch-Site", "same-site");
        });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(Header(response, "Access-Control-Allow-Origin"), Is.EqualTo(Trusted));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_page_with_tracing_passes_the_preflight()
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["Cors:AllowedOrigins"] = Trusted, ["Cors:AllowedHeaders"] = "x-datadog-trace-id, X-Requested-With" });
        using var browser = application.NewBrowser();

        using var preflight = await browser.SendAsync(HttpMethod.Options, "/me/", change: request =>
        {
            request.Headers.Add("Origin", Trusted);
            request.Headers.Add("Access-Control-Request-Method", "PATCH");
            request.Headers.Add("Access-Control-Request-Headers", "baggage,sentry-trace,traceparent,tracestate,x-datadog-trace-id");
        });

        Assert.That(preflight.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(Header(preflight, "Access-Control-Allow-Headers")!.Split(','), Is.EquivalentTo(new[]
        {
            "Content-Type", "Authorization", "traceparent", "tracestate", "baggage", "sentry-trace", "x-datadog-trace-id", "X-Requested-With",
        }));
        Assert.That(Header(preflight, "Access-Control-Allow-Methods")!.Split(','), Is.EquivalentTo(new[] { "GET", "POST", "PUT", "PATCH", "DELETE" }));
    }

    [TestCase("Cookie", "a=LONG", "headers_too_large")]
    [TestCase("Host", "evil.example", "host_not_allowed")]
    [TestCase("X-Forwarded-Proto", "http", "https_required")]
    [TestCase("Transfer-Encoding", "gzip, chunked", "bad_request")]
    public async Task A_page_can_read_why_the_door_refused_it(string name, string value, string code)
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["Cors:AllowedOrigins"] = Trusted, ["AllowedHosts"] = "localhost;127.0.0.1", ["ForwardedHeaders:KnownProxies"] = "127.0.0.0/8" },
            environment: "Production",
            kestrel: true);
        using var browser = application.NewBrowser();

        using var refusal = await browser.SendAsync(HttpMethod.Post, "/login/", new StringContent("{}"), request =>
        {
            request.Headers.Add("Origin", Trusted);
            request.Headers.Add("X-Forwarded-Proto", name == "X-Forwarded-Proto" ? [] : ["https"]);
            request.Headers.TryAddWithoutValidation(name, value.Replace("LONG", new string('x', 20_000), StringComparison.Ordinal));
        });

        await refusal.ShouldBeProblemAsync(refusal.StatusCode, code);
        Assert.That(Header(refusal, "Access-Control-Allow-Origin"), Is.EqualTo(Trusted));
        Assert.That(Header(refusal, "Access-Control-Expose-Headers")!.Split(','), Is.EquivalentTo(new[] { "Retry-After", "WWW-Authenticate" }));
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;
}
