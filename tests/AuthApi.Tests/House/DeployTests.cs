using System.Diagnostics;
using System.Net;
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
    public void The_systemd_unit_confines_the_program(string line)
    {
        Assert.That(File.ReadAllLines(Unit), Has.Member(line));
    }

    [Test]
    public async Task The_drop_in_serves_behind_a_proxy_without_a_certificate()
    {
        var lines = await File.ReadAllLinesAsync(Path.Combine(Repository.Root, "deploy", "authapi-proxy.conf"));
        var reset = Array.IndexOf(lines, "Environment=");
        var settings = lines.Where(line => line.StartsWith("Environment=", StringComparison.Ordinal))
            .Select(line => line["Environment=".Length..].Trim('"').Split('=', 2)).Where(pair => pair.Length == 2)
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        Assert.That(reset, Is.LessThan(Array.FindIndex(lines, line => line.StartsWith("Environment=Urls", StringComparison.Ordinal))), "what the unit has is reset first");
        Assert.That(lines, Has.Member("LoadCredential="));
        Assert.That(settings["ConnectionStrings__Auth"], Is.EqualTo("Data Source=/var/lib/authapi/auth.db"));

        using var folder = new TemporaryFolder();
        settings["ConnectionStrings__Auth"] = "Data Source=auth.db";
        settings["ASPNETCORE_ENVIRONMENT"] = "Production";
        await using var program = await RunningProgram.StartAsync(folder.Path, settings);
        using var proxy = new HttpClient { BaseAddress = program.Address };
        proxy.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        using var response = await proxy.GetAsync(new Uri("/me/", UriKind.Relative));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), "and not 400 https_required");
    }

    [Test]
    public async Task Systemd_understands_the_unit()
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
