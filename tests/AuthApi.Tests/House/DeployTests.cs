using System.Diagnostics;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.House;

/// <summary>What is handed to operators works.</summary>
internal sealed class DeployTests
{
    private static readonly string Unit = Path.Combine(Repository.Root, "deploy", "authapi.service");

    [TestCase("Type=notify")]
    [TestCase("DynamicUser=yes")]
    [TestCase("StateDirectory=authapi")]
    [TestCase("ProtectSystem=strict")]
    [TestCase("NoNewPrivileges=yes")]
    [TestCase("Restart=on-failure")]
    [TestCase("KillSignal=SIGTERM")]
    [TestCase("LoadCredential=tls.key:/etc/authapi/tls.key")]
    public void TheSystemdUnitConfinesTheProgram(string line)
    {
        Assert.That(File.ReadAllLines(Unit), Has.Member(line));
    }

    [Test]
    public async Task SystemdUnderstandsTheUnit()
    {
        if (!File.Exists("/usr/bin/systemd-analyze"))
        {
            Assert.Ignore("There is no systemd on this machine.");
        }

        // Systemd looks for the program too, which is not installed here.
        using var folder = new TemporaryFolder();
        var unit = Path.Combine(folder.Path, "authapi.service");
        await File.WriteAllTextAsync(unit, (await File.ReadAllTextAsync(Unit)).Replace("ExecStart=/opt/authapi/AuthApi", "ExecStart=/bin/true", StringComparison.Ordinal));
        using var verify = Process.Start(new ProcessStartInfo("/usr/bin/systemd-analyze", ["verify", unit]) { RedirectStandardError = true })!;
        var complaints = await verify.StandardError.ReadToEndAsync();
        await verify.WaitForExitAsync();

        Assert.That(verify.ExitCode, Is.Zero, complaints);
        Assert.That(complaints, Does.Not.Contain("authapi.service"), "no key that it does not know");
    }
}
