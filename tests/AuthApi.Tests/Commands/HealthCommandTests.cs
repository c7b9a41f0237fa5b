using System.Net;
using System.Net.Sockets;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Commands;

/// <summary>The command <c>health</c>, by which a container asks its own server whether it is ready.</summary>
internal sealed class HealthCommandTests
{
    private readonly TemporaryFolder _folder = new();

    [OneTimeTearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public async Task A_server_says_whether_it_is_ready()
    {
        var certificate = TestCertificate.Create(_folder.Path, "auth.example.com");
        await using var program = await RunningProgram.StartAsync(
            _folder.Path,
            "--urls=https://127.0.0.1:0",
            $"--Kestrel:Certificates:Default:Path={certificate.Path}",
            $"--Kestrel:Certificates:Default:KeyPath={certificate.KeyPath}");

        // As a process of its own, with the settings of the server.
        var port = program.Address.Port;
        var (exitCode, output, error) = await RunningProgram.RunAloneAsync(_folder.Path, "health", $"--urls=https://*:{port}");
        Assert.That((exitCode, output.TrimEnd(), error), Is.EqualTo((0, $"https://127.0.0.1:{port}/health/ready: ready", "")));
        Assert.That(await RunAsync($"--urls=https://*:{port}", "--json"), Is.EqualTo((0, $$"""
            {
              "url": "https://127.0.0.1:{{port}}/health/ready",
              "status": "ready"
            }
            """, "")));
        Assert.That(await RunAsync($"{program.Address}health/live"), Is.EqualTo((0, $"https://127.0.0.1:{port}/health/live: live", "")));
        Assert.That(await RunAsync($"{program.Address}health/well"), Is.EqualTo((1, "", $"AuthApi health: https://127.0.0.1:{port}/health/well answered 404 not_found: There is nothing at this address.")));
        Assert.That(await RunAsync($"{program.Address}account/"), Is.EqualTo((1, "", $"AuthApi health: https://127.0.0.1:{port}/account/ answered 200, and not as a probe of AuthApi does.")));

        Directory.Delete(Path.Combine(_folder.Path, "data"), recursive: true);

        // What a check found holds for a second.
        Assert.That(
            () => RunAsync(program.Address.ToString()).Result,
            Is.EqualTo((1, "", $"AuthApi health: https://127.0.0.1:{port}/health/ready answered 503 store_unavailable: The store is out of reach. Try again.")).After(10_000, 100));
    }

    [TestCase("*")]
    [TestCase("[::]")]
    [TestCase("0.0.0.0")]
    [TestCase("auth.example.com")]
    public async Task Where_nobody_listens_the_own_address_is_named(string host)
    {
        var port = FreePort();

        var (exitCode, output, error) = await RunAsync($"--urls=http://{host}:{port};https://*:443");

        Assert.That((exitCode, output), Is.EqualTo((1, "")));
        Assert.That(error, Does.StartWith($"AuthApi health: http://127.0.0.1:{port}/health/ready cannot be reached: "));
    }

    [TestCase(1, "--urls=http://127.0.0.1:0", "says no address that can be asked")]
    [TestCase(1, "--urls=nonsense", "urls: ")]
    [TestCase(2, "localhost:8080", "'localhost:8080' is no http:// or https:// address")]
    [TestCase(2, "ftp://localhost", "'ftp://localhost' is no http:// or https:// address")]
    public async Task An_address_that_is_none_is_named(int expected, string argument, string line)
    {
        var (exitCode, output, error) = await RunAsync(argument);

        Assert.That((exitCode, output), Is.EqualTo((expected, "")));
        Assert.That(error, Does.StartWith("AuthApi health").And.Contain(line));
        Assert.That(error.Split('\n'), Has.Length.EqualTo(1));
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        var (exitCode, output, error) = await ProgramInProcess.RunAloneAsync(["health", .. arguments, "--applicationName=AuthApi", "--hostBuilder:reloadConfigOnChange=false"]);
        return (exitCode, output.TrimEnd(), error.TrimEnd());
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
