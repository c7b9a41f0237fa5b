using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Api;

/// <summary>One table of every address, and what holds for the answers of all of them.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class EveryAddressTests(TestedStore store)
{
    private static readonly (string Method, string Path, HttpStatusCode Anonymous, HttpStatusCode SignedIn)[] Addresses =
    [
        ("GET", "/", HttpStatusCode.NotFound, HttpStatusCode.NotFound),
        ("GET", "/me/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("PATCH", "/me/", HttpStatusCode.Unauthorized, HttpStatusCode.UnsupportedMediaType),
        ("GET", "/me/export/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("POST", "/register/", HttpStatusCode.UnsupportedMediaType, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/login/", HttpStatusCode.UnsupportedMediaType, HttpStatusCode.UnsupportedMediaType),
        ("GET", "/me/activity/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("GET", "/sessions/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("DELETE", "/sessions/unknown/", HttpStatusCode.Unauthorized, HttpStatusCode.NotFound),
        ("POST", "/reauthenticate/", HttpStatusCode.Unauthorized, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/password/change/", HttpStatusCode.Unauthorized, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/password/forgot/", HttpStatusCode.UnsupportedMediaType, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/password/reset/", HttpStatusCode.UnsupportedMediaType, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/email/confirm/", HttpStatusCode.UnsupportedMediaType, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/email/confirm/resend/", HttpStatusCode.UnsupportedMediaType, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/email/change/", HttpStatusCode.Unauthorized, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/email/change/confirm/", HttpStatusCode.Unauthorized, HttpStatusCode.UnsupportedMediaType),
        ("GET", "/admin/users/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("GET", "/admin/users/1/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("DELETE", "/admin/users/1/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("POST", "/admin/users/1/disable/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("POST", "/admin/users/1/enable/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("POST", "/admin/users/1/reset-factors/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("POST", "/admin/users/1/require-password-change/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("PUT", "/admin/users/1/roles/Admin/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("DELETE", "/admin/users/1/roles/Admin/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("GET", "/admin/users/1/sessions/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("DELETE", "/admin/users/1/sessions/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("DELETE", "/admin/users/1/sessions/01998c5e-6c1f-7d0a-8a53-2f9c1d4b7e60/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("GET", "/admin/sessions/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("DELETE", "/admin/sessions/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("GET", "/admin/audit/", HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
        ("GET", "/passkeys/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("POST", "/passkeys/", HttpStatusCode.Unauthorized, HttpStatusCode.UnsupportedMediaType),
        ("DELETE", "/passkeys/?except=AAAA", HttpStatusCode.Unauthorized, HttpStatusCode.NotFound),
        ("POST", "/passkeys/options/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("PATCH", "/passkeys/AAAA/", HttpStatusCode.Unauthorized, HttpStatusCode.UnsupportedMediaType),
        ("DELETE", "/passkeys/AAAA/", HttpStatusCode.Unauthorized, HttpStatusCode.NotFound),
        ("POST", "/login/passkey/options/", HttpStatusCode.OK, HttpStatusCode.OK),
        ("POST", "/login/passkey/", HttpStatusCode.UnsupportedMediaType, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/reauthenticate/options/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("GET", "/.well-known/webauthn", HttpStatusCode.NotFound, HttpStatusCode.NotFound),
        ("POST", "/recovery/", HttpStatusCode.UnsupportedMediaType, HttpStatusCode.UnsupportedMediaType),
        ("GET", "/two-factor/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("POST", "/two-factor/setup/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("POST", "/two-factor/enable/", HttpStatusCode.Unauthorized, HttpStatusCode.UnsupportedMediaType),
        ("POST", "/two-factor/disable/", HttpStatusCode.Unauthorized, HttpStatusCode.NoContent),
        ("POST", "/two-factor/recovery-codes/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("POST", "/logout/?scope=nonsense", HttpStatusCode.Unauthorized, HttpStatusCode.BadRequest),
        ("POST", "/logout/", HttpStatusCode.Unauthorized, HttpStatusCode.OK),
        ("GET", "/swagger/v1/swagger.json", HttpStatusCode.OK, HttpStatusCode.OK),
        ("GET", "/health/live", HttpStatusCode.OK, HttpStatusCode.OK),
        ("GET", "/health/ready", HttpStatusCode.OK, HttpStatusCode.OK),
        ("GET", "/health/", HttpStatusCode.NotFound, HttpStatusCode.NotFound),
        ("GET", "/metrics", HttpStatusCode.NotFound, HttpStatusCode.NotFound),
        ("GET", "/swagger/index.html", HttpStatusCode.OK, HttpStatusCode.OK),
    ];

    [Test]
    public async Task Every_path_answers_as_listed_and_is_never_cached()
    {
        await using var application = new AuthApiApplication(store: store);
        using var anonymous = application.NewBrowser();
        using var signedIn = await application.NewLoggedInBrowserAsync();

        foreach (var (method, path, anonymousStatus, signedInStatus) in Addresses)
        {
            foreach (var slash in new[] { path, path.Contains('?', StringComparison.Ordinal) ? path.Replace("/?", "?", StringComparison.Ordinal) : path.TrimEnd('/') })
            {
                foreach (var (browser, status) in new[] { (anonymous, anonymousStatus), (signedIn.Copy(), signedInStatus) })
                {
                    using var response = await browser.SendAsync(new HttpMethod(method), slash);

                    // The session ends at the first logout; the second spelling of the address finds it dead.
                    var ended = slash == "/logout" && browser != anonymous;
                    Assert.That(response.StatusCode, Is.EqualTo(ended ? HttpStatusCode.Unauthorized : status), $"{method} {slash}");
                    Assert.That(response.Headers.CacheControl?.ToString(), Is.EqualTo("no-store"), $"{method} {slash}");
                    Assert.That(response.Headers.Location, Is.Null, $"{method} {slash}");
                    Assert.That(response.Headers.Contains("Pragma"), Is.False, $"{method} {slash}");
                }
            }
        }
    }
}
