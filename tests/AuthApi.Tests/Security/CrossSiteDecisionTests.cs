using AuthApi.Security;
using Microsoft.AspNetCore.Http;

namespace AuthApi.Tests.Security;

/// <summary>The guard's decision alone, a row a case, in the manner of Go's csrf_test.go; its effect on sessions is in <see cref="CrossSiteGuardTests"/>.</summary>
internal sealed class CrossSiteDecisionTests
{
    private const string Trusted = "https://app.example.com";

    private static readonly OriginList Allowed = new([Trusted, "https://*.trusted.example", "capacitor://localhost"]);

    // Sec-Fetch-Site decides first: no page can forge it.
    [TestCase("POST", "https://example.com", "same-origin", null, true)]
    [TestCase("POST", "https://example.com", "none", null, true)]
    [TestCase("POST", "https://example.com", "cross-site", null, false)]
    [TestCase("POST", "https://example.com", "same-site", null, false)]
    [TestCase("POST", "https://example.com", "", null, false, Description = "empty is not absent")]
    [TestCase("POST", "https://example.com", "garbage", null, false)]
    [TestCase("POST", "https://example.com", "SAME-ORIGIN", null, false)]
    [TestCase("POST", "https://example.com", "same-origin ", null, false)]
    [TestCase("POST", "https://example.com", "same-origin;a=b", null, false)]
    [TestCase("POST", "https://example.com", "none,none", null, false)]
    [TestCase("POST", "https://example.com", "\u00e9\u00ff", null, false)]
    [TestCase("POST", "https://example.com", "cross-site", "https://example.com", false, Description = "the browser contradicts the origin")]
    [TestCase("POST", "https://example.com", "garbage", "https://example.com", false)]
    [TestCase("POST", "https://example.com", "cross-site", Trusted, true)]
    [TestCase("POST", "https://example.com", "same-site", Trusted, true)]
    [TestCase("POST", "https://example.com", "cross-site", "https://a.trusted.example", true)]
    [TestCase("POST", "https://example.com", "cross-site", "https://trusted.example", false)]
    [TestCase("POST", "https://example.com", "cross-site", "http://a.trusted.example", false)]
    [TestCase("POST", "https://example.com", "cross-site", "https://a.trusted.example:444", false)]
    [TestCase("POST", "https://example.com", "cross-site", "null", false)]

    // Else Origin against scheme, host and port.
    [TestCase("POST", "https://example.com", null, null, true, Description = "not a browser")]
    [TestCase("POST", "https://example.com", null, "", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com", true)]
    [TestCase("POST", "https://EXAMPLE.com", null, "https://example.com", true)]
    [TestCase("POST", "https://example.com:443", null, "https://example.com", true)]
    [TestCase("POST", "https://example.com", null, "https://example.com:443", false, Description = "no browser writes the scheme's own port")]
    [TestCase("POST", "https://example.com:8443", null, "https://example.com:8443", true)]
    [TestCase("POST", "https://example.com:8443", null, "https://example.com", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com:8443", false)]
    [TestCase("POST", "https://example.com:80", null, "https://example.com", false, Description = "80 is not the port of https")]
    [TestCase("POST", "http://example.com:80", null, "http://example.com", true)]
    [TestCase("POST", "http://example.com", null, "https://example.com", false)]
    [TestCase("POST", "https://example.com", null, "http://example.com", false)]
    [TestCase("POST", "https://example.com.", null, "https://example.com", true, Description = "a final dot means nothing")]
    [TestCase("POST", "https://example.com", null, "https://example.com.", true)]
    [TestCase("POST", "https://example.com.", null, "https://example.com.", true)]
    [TestCase("POST", "https://example.com.:8443", null, "https://example.com.:8443", true)]
    [TestCase("POST", "https://example.com..", null, "https://example.com", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com.:0", false)]
    [TestCase("POST", "https://example.com", null, "https://.", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com./", false)]
    [TestCase("POST", "https://example.com", null, "null", false)]
    [TestCase("POST", "https://example.com", null, "NULL", false)]
    [TestCase("POST", "https://example.com", null, "https://evil.example", false)]
    [TestCase("POST", "https://example.com", null, "https://sub.example.com", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com.evil.example", false)]
    [TestCase("POST", "https://example.com", null, "https://evil@example.com", false, Description = "userinfo")]
    [TestCase("POST", "https://example.com", null, "https://example.com@evil.example", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com:pass@evil.example", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com/", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com/path", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com?", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com#", false)]
    [TestCase("POST", "https://example.com", null, " https://example.com", false)]
    [TestCase("POST", "https://example.com", null, "https://example.com https://evil.example", false)]
    [TestCase("POST", "https://example.com", null, "example.com", false)]
    [TestCase("POST", "https://example.com", null, "//example.com", false)]
    [TestCase("POST", "https://example.com", null, "://", false)]
    [TestCase("POST", "https://example.com", null, "https://", false)]
    [TestCase("POST", "https://example.com", null, "capacitor://localhost", true)]
    [TestCase("POST", "https://localhost", null, "capacitor://localhost.", false)]
    [TestCase("POST", "https://[::1]:8443", null, "https://[::1]:8443", true)]
    [TestCase("POST", "https://[::1]", null, "https://[::1]:8443", false)]
    [TestCase("POST", "https://", null, "https://", false, Description = "HTTP/1.0 without Host")]
    [TestCase("POST", "https://", null, "https://evil.example", false)]

    // Every method that may change something, and none that may not.
    [TestCase("PUT", "https://example.com", "cross-site", null, false)]
    [TestCase("PATCH", "https://example.com", "cross-site", null, false)]
    [TestCase("DELETE", "https://example.com", null, "https://evil.example", false)]
    [TestCase("post", "https://example.com", "cross-site", null, false)]
    [TestCase("PROPFIND", "https://example.com", "cross-site", null, false)]
    [TestCase("", "https://example.com", "cross-site", null, false)]
    [TestCase("GET", "https://example.com", "cross-site", "https://evil.example", true)]
    [TestCase("HEAD", "https://example.com", "cross-site", "https://evil.example", true)]
    [TestCase("OPTIONS", "https://example.com", null, "null", true)]
    [TestCase("TRACE", "https://example.com", "garbage", null, true)]
    public void The_table_decides(string method, string address, string? site, string? origin, bool passes)
    {
        var request = new DefaultHttpContext().Request;
        (request.Method, request.Scheme, request.Host) = (method, address.Split("://")[0], new HostString(address.Split("://")[1]));
        if (site is not null)
        {
            request.Headers["Sec-Fetch-Site"] = site;
        }

        if (origin is not null)
        {
            request.Headers.Origin = origin;
        }

        Assert.That(CrossSiteGuard.IsAllowed(request, Allowed), Is.EqualTo(passes));
    }

    [Test]
    public void A_header_that_comes_twice_is_refused()
    {
        var request = new DefaultHttpContext().Request;
        (request.Method, request.Scheme, request.Host) = ("POST", "https", new HostString("example.com"));

        request.Headers["Sec-Fetch-Site"] = new(["same-origin", "same-origin"]);
        Assert.That(CrossSiteGuard.IsAllowed(request, Allowed), Is.False);

        request.Headers.Remove("Sec-Fetch-Site");
        request.Headers.Origin = new(["https://example.com", "https://example.com"]);
        Assert.That(CrossSiteGuard.IsAllowed(request, Allowed), Is.False);
    }
}
