using System.Net.Http.Json;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Mail;

/// <summary>A message over STARTTLS, with a login and a certificate that the machine trusts: the program by itself, as what it trusts belongs to a process.</summary>
[Platform("Linux")]
internal sealed class MailTlsTests
{
    [Test]
    public async Task A_message_is_sent_by_TLS_with_a_login()
    {
        using var folder = new TemporaryFolder();
        using var certificate = MailServer.SelfSigned();
        await using var server = new MailServer(certificate: certificate, user: ("auth", "a password"));
        var trusted = Path.Combine(folder.Path, "trusted.pem");
        await File.WriteAllTextAsync(trusted, certificate.ExportCertificatePem());

        await using var program = await RunningProgram.StartAsync(
            folder.Path,
            new Launch(Environment: new Dictionary<string, string> { ["SSL_CERT_FILE"] = trusted, ["Email__Smtp__Password"] = "a password" }),
            "--Email:From=no-reply@example.com", "--Email:Smtp:Host=localhost", $"--Email:Smtp:Port={server.Port}", "--Email:Smtp:UserName=auth");
        using var client = new HttpClient { BaseAddress = program.Address };
        using var register = await client.PostAsJsonAsync("/register/", new { email = "ada@example.com", password = Browser.Password });
        using var forgot = await client.PostAsJsonAsync("/password/forgot/", new { email = "ada@example.com" });

        var message = await server.NextAsync();
        Assert.That(message.To.ToString(), Is.EqualTo("ada@example.com"));
        Assert.That(message.Subject, Does.Contain("set a new password"));
    }
}
