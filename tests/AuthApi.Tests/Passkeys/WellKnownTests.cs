using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Passkeys;

/// <summary>The files for browsers and apps, and the origins that they name.</summary>
internal sealed class WellKnownTests
{
    private const string Fingerprint = "14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5";

    [Test]
    public async Task What_is_configured_is_served_and_its_origins_are_allowed()
    {
        await using var application = new AuthApiApplication(settings: new()
        {
            ["Passkeys:ServerDomain"] = "example.com",
            ["Passkeys:Origins"] = "https://auth.example.com,https://shop.example",
            ["Passkeys:AndroidApps"] = $"com.example.app/{Fingerprint}",
            ["Passkeys:AppleApps"] = "ABCDE12345.com.example.app",
            ["Passkeys:ManageUrl"] = "https://auth.example.com/account/#passkeys",
        });
        using var browser = await application.NewLoggedInBrowserAsync();
        foreach (var (path, content) in new[]
        {
            ("webauthn", """{"origins":["https://auth.example.com","https://shop.example"]}"""),
            ("assetlinks.json", $$$"""[{"relation":["delegate_permission/common.handle_all_urls","delegate_permission/common.get_login_creds"],"target":{"namespace":"android_app","package_name":"com.example.app","sha256_cert_fingerprints":["{{{Fingerprint}}}"]}}]"""),
            ("apple-app-site-association", """{"webcredentials":{"apps":["ABCDE12345.com.example.app"]}}"""),
            ("passkey-endpoints", """{"manage":"https://auth.example.com/account/#passkeys"}"""),
        })
        {
            using var response = await browser.GetAsync($"/.well-known/{path}");
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo(content));
            Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/json"));
        }

        foreach (var (origin, status) in new[]
        {
            ("https://shop.example", HttpStatusCode.Created),
            ("android:apk-key-hash:FG3pg8VzBlDY7rmVLzT8ZBagg0LmHb6oigSWsj_PROU", HttpStatusCode.Created),
            ("https://localhost", HttpStatusCode.BadRequest),
            ("https://example.com", HttpStatusCode.BadRequest),
        })
        {
            using var authenticator = new SoftwareAuthenticator(origin);
            using var options = await browser.PostAsync("/passkeys/options/");
            using var added = await browser.PostAsync("/passkeys/", new { credential = authenticator.Create(await options.JsonAsync()), name = "App" });
            Assert.That(added.StatusCode, Is.EqualTo(status), origin);
        }
    }
}
