using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.TwoFactor;

/// <summary>The keys that encrypt those of authenticator apps, in a folder beside the SQLite file.</summary>
internal sealed class TwoFactorKeyTests
{
    private const string Ada = "ada@example.com";

    [Test]
    public async Task Without_its_keys_no_code_is_accepted_and_recovery_codes_are()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "data", "auth.db");
        Dictionary<string, string?> settings = new() { ["ConnectionStrings:Auth"] = $"Data Source={file}" };
        string key, recoveryCode;
        await using (var application = new AuthApiApplication(settings: settings, migrated: false))
        {
            using var caller = await application.NewLoggedInBrowserAsync();
            using var setup = await caller.PostAsync("/two-factor/setup/");
            key = (await setup.JsonAsync())["sharedKey"]!.GetValue<string>();
            using var enabled = await caller.PostAsync("/two-factor/enable/", new { code = new AuthenticatorApp(key, application.Time).Code() });
            recoveryCode = (await enabled.JsonAsync())["recoveryCodes"]![0]!.GetValue<string>();
        }

        var keys = Path.Combine(folder.Path, "data", "keys");
        if (!OperatingSystem.IsWindows())
        {
            Assert.That(File.GetUnixFileMode(keys), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
            Assert.That(Directory.GetFiles(keys).Select(File.GetUnixFileMode), Has.All.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }

        // The same keys after a restart; then lost ones.
        await LogInAsync(HttpStatusCode.OK, AuthenticatorCode(TimeSpan.FromMinutes(2)));
        Directory.Delete(keys, recursive: true);
        await LogInAsync(HttpStatusCode.Unauthorized, _ => (null, null));
        await LogInAsync(HttpStatusCode.ServiceUnavailable, AuthenticatorCode(TimeSpan.FromMinutes(3)));
        await LogInAsync(HttpStatusCode.OK, _ => (null, recoveryCode));

        Func<AuthApiApplication, (string?, string?)> AuthenticatorCode(TimeSpan after) => application =>
        {
            application.Time.Advance(after);
            return (new AuthenticatorApp(key, application.Time).Code(), null);
        };

        async Task LogInAsync(HttpStatusCode expected, Func<AuthApiApplication, (string?, string?)> factor)
        {
            await using var application = new AuthApiApplication(settings: settings, migrated: false);
            using var browser = application.NewBrowser();
            var (code, recovery) = factor(application);
            using var response = await browser.PostAsync("/login/", new { email = Ada, password = Browser.Password, twoFactorCode = code, twoFactorRecoveryCode = recovery });
            Assert.That(response.StatusCode, Is.EqualTo(expected), await response.Content.ReadAsStringAsync());
            if (expected == HttpStatusCode.ServiceUnavailable)
            {
                await response.ShouldBeProblemAsync(expected, "authenticator_unavailable");
            }
        }
    }

    [Test]
    public async Task A_certificate_encrypts_the_keys_and_may_be_renewed()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "data", "auth.db");
        var (first, second) = (TestCertificate.Create(folder.Path, "first"), TestCertificate.Create(folder.Path, "second"));
        Dictionary<string, string?> settings = new()
        {
            ["ConnectionStrings:Auth"] = $"Data Source={file}",
            ["DataProtection:CertificatePath"] = first.Path,
            ["DataProtection:CertificateKeyPath"] = first.KeyPath,
        };
        string key;
        await using (var application = new AuthApiApplication(settings: settings, migrated: false))
        {
            using var caller = await application.NewLoggedInBrowserAsync();
            using var setup = await caller.PostAsync("/two-factor/setup/");
            key = (await setup.JsonAsync())["sharedKey"]!.GetValue<string>();
            using var enabled = await caller.PostAsync("/two-factor/enable/", new { code = new AuthenticatorApp(key, application.Time).Code() });
            Assert.That(enabled.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        var stored = string.Concat(Directory.GetFiles(Path.Combine(folder.Path, "data", "keys")).Select(File.ReadAllText));
        Assert.That(stored, Does.Contain("EncryptedData").And.Not.Contain("<masterKey"));

        (settings["DataProtection:CertificatePath"], settings["DataProtection:CertificateKeyPath"]) = second;
        (settings["DataProtection:PreviousCertificatePath"], settings["DataProtection:PreviousCertificateKeyPath"]) = first;
        await using var renewed = new AuthApiApplication(settings: settings, migrated: false);
        using var browser = renewed.NewBrowser();
        renewed.Time.Advance(TimeSpan.FromMinutes(1));
        using var login = await browser.PostAsync("/login/", new { email = Ada, password = Browser.Password, twoFactorCode = new AuthenticatorApp(key, renewed.Time).Code() });
        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK), await login.Content.ReadAsStringAsync());
    }
}
