using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthApi.Startup;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthApi.Tests.Startup;

/// <summary>
/// Few bytes from clients without a session take little memory: a process whose heap has the limit that the runtime gives it in a container of 400 MB
/// never has more than 400 MB resident. The container itself is not tested, as to limit one takes privileges.
/// </summary>
[NonParallelizable]
internal sealed class ServerLimitsTests
{
    private const long Megabyte = 1024 * 1024;

    private const long Container = 400 * Megabyte;

    // Three quarters of the container's memory.
    private static readonly Launch LimitedHeap = new(Environment: new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = "0x12C00000" });

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase(7)]
    [TestCase(30)]
    public async Task Open_http2_requests_take_bounded_memory(int references)
    {
        await using var program = await StartAsync();
        var floods = Enumerable.Range(0, 50).Select(_ => new Http2Flood()).ToList();

        foreach (var flood in floods)
        {
            try
            {
                await flood.BeginAsync(program.Address.Port, streams: 100, references);
            }
            catch (IOException)
            {
                // The server may close the connection before it has read everything.
            }
        }

        await ShouldServeAsync(program);
        floods.ForEach(flood => flood.Dispose());
        await ShouldServeAsync(program);
    }

    [Test]
    public async Task Unfinished_http1_headers_take_bounded_memory()
    {
        await using var program = await StartAsync("--urls=http://127.0.0.1:0");
        var connections = new List<RawConnection>();
        for (var i = 0; i < 1_500; i++)
        {
            var connection = await RawConnection.OpenAsync(program.Address);
            connections.Add(connection);
            await connection.SendAsync($"POST /login/ HTTP/1.1\r\nHost: localhost\r\nCookie: a={new string('x', i % 2 == 0 ? 31 * 1024 : 120 * 1024)}");
        }

        connections.ForEach(connection => connection.Dispose());
        await ShouldServeAsync(program);
    }

    [TestCase(4, 0, 6, Description = "SETTINGS with one entry")]
    [TestCase(6, 0, 8, Description = "PING")]
    [TestCase(3, 0, 4, Description = "RST_STREAM of a stream that never was")]
    public async Task A_flood_of_http2_frames_is_not_a_flood_of_lines(byte type, byte flags, byte length)
    {
        await using var program = await RunningProgram.StartAsync(_folder.Path, "--Kestrel:EndpointDefaults:Protocols=Http2");
        byte[] frame = [0, 0, length, type, flags, 0, 0, 0, (byte)(type == 3 ? 1 : 0), .. new byte[length]];
        byte[] flood = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0, .. Enumerable.Repeat(frame, 5_000).SelectMany(bytes => bytes)];
        for (var i = 0; i < 20; i++)
        {
            using var connection = await RawConnection.OpenAsync(program.Address);
            await connection.SendAsync(flood);
        }

        await program.TerminateAsync();

        var (exitCode, output) = await program.Ended;
        Assert.That(exitCode, Is.Zero);
        Assert.That(output, Has.None.StartsWith("crit"));
        Assert.That(output, Has.Count.LessThan(30));
    }

    [Test]
    public async Task Rejected_connections_are_logged_once_a_minute()
    {
        await using var program = await RunningProgram.StartAsync(_folder.Path, "--Kestrel:Limits:MaxConcurrentConnections=2");
        var connections = new List<RawConnection>();
        for (var i = 0; i < 20; i++)
        {
            connections.Add(await RawConnection.OpenAsync(program.Address));
        }

        Assert.That(await connections[^1].ReadAnyAsync(), Is.False, "it is rejected");
        connections.ForEach(connection => connection.Dispose());
        await program.TerminateAsync();

        var (_, output) = await program.Ended;
        Assert.That(output.Count(line => line.StartsWith("warn", StringComparison.Ordinal)), Is.EqualTo(1), string.Join("\n", output));
        Assert.That(output, Has.Some.Contains("Kestrel:Limits:MaxConcurrentConnections"));
    }

    [Test]
    public async Task Logins_work_after_connections_reached_their_cap()
    {
        await using var program = await RunningProgram.StartAsync(_folder.Path, Launch.WithHandles(600));

        // What loads beside the start has loaded: the runtime itself ends where it finds no handle for that.
        using (var first = program.NewBrowser())
        {
            await first.RegisterAsync("grace@example.com");
        }

        var connections = new List<RawConnection>();
        for (var i = 0; i < 600; i++)
        {
            connections.Add(await RawConnection.OpenAsync(program.Address));
        }

        var before = program.ProcessorTime;
        using (var refused = program.NewBrowser())
        {
            Assert.That(async () => await refused.MeAsync(), Throws.InstanceOf<HttpRequestException>(), "nobody is served");
        }

        using (var clock = new PeriodicTimer(TimeSpan.FromSeconds(1)))
        {
            await clock.WaitForNextTickAsync();
        }

        Assert.That(program.ProcessorTime - before, Is.LessThan(TimeSpan.FromMilliseconds(700)), "no core spins");
        connections.ForEach(connection => connection.Dispose());
        using var browser = program.NewBrowser();

        // The server closes its ends of the connections one by one; until then the store may find no handle, and says so by a 503.
        Assert.That(() => RegisterAsync(browser).Result, Is.AnyOf(HttpStatusCode.Created, HttpStatusCode.Conflict).After(10_000, 100));
        await browser.LogInAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_limit_in_the_configuration_wins()
    {
        await using var application = new AuthApiApplication(settings: new()
        {
            ["Kestrel:Limits:MaxConcurrentConnections"] = "7",
            ["Kestrel:Limits:Http2:MaxStreamsPerConnection"] = "5",
        });

        var limits = application.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;

        Assert.That((limits.MaxConcurrentConnections, limits.Http2.MaxStreamsPerConnection), Is.EqualTo((7, 5)));
        Assert.That(limits.MaxRequestHeadersTotalSize, Is.EqualTo(32 * 1024));
    }

    [TestCase(1_024, 8_192, 512)]
    [TestCase(20_000, 1_048_576, 15_000)]
    [TestCase(100, 8_192, 16, Description = "never none")]
    [TestCase(null, 256, 512)]
    public void Connections_are_as_many_as_handles_and_memory_allow(long? handles, long megabytes, long expected)
    {
        Assert.That(ServerLimits.MaxConnections(handles, megabytes * Megabyte), Is.EqualTo(expected));
    }

    private static async Task<HttpStatusCode> RegisterAsync(Browser browser)
    {
        using var response = await browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password });
        return response.StatusCode;
    }

    private static async Task ShouldServeAsync(RunningProgram program)
    {
        using var handler = new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, served, _, _) => served?.Subject == "CN=localhost" } };
        using var client = new HttpClient(handler) { BaseAddress = program.Address };
        using var response = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(program.PeakResidentMemory, Is.LessThan(Container));
    }

    private async Task<RunningProgram> StartAsync(params string[] arguments)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        var (pem, keyPem) = (Path.Combine(_folder.Path, "tls.pem"), Path.Combine(_folder.Path, "tls.key"));
        await File.WriteAllTextAsync(pem, certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(keyPem, key.ExportPkcs8PrivateKeyPem());
        return await RunningProgram.StartAsync(
            _folder.Path,
            LimitedHeap,
            ["--urls=https://127.0.0.1:0", $"--Kestrel:Certificates:Default:Path={pem}", $"--Kestrel:Certificates:Default:KeyPath={keyPem}", "--RateLimiting:Enabled=true", .. arguments]);
    }
}
