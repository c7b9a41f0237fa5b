using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Startup;

/// <summary>What happens to requests when the program stops.</summary>
internal sealed class ShutdownTests
{
    [Test]
    public async Task The_service_manager_is_notified_of_ready_and_stop()
    {
        using var folder = new TemporaryFolder();
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        var path = Path.Combine(folder.Path, "notify");
        manager.Bind(new UnixDomainSocketEndPoint(path));
        await using var program = await RunningProgram.StartAsync(folder.Path, new Launch(Environment: new Dictionary<string, string> { ["NOTIFY_SOCKET"] = path }));

        Assert.That(await ReceiveAsync(manager), Is.EqualTo("READY=1"));

        await program.TerminateAsync();
        Assert.That(await ReceiveAsync(manager), Is.EqualTo("STOPPING=1"));
        Assert.That((await program.Ended).ExitCode, Is.Zero);
    }

    [Test]
    public async Task SIGHUP_ends_the_program_in_order()
    {
        using var folder = new TemporaryFolder();
        await using var program = await RunningProgram.StartAsync(folder.Path);

        await program.SignalAsync("HUP");

        var (exitCode, output) = await program.Ended;
        Assert.That(exitCode, Is.Zero);
        Assert.That(output[^1].Trim(), Is.EqualTo("The store is closed: every write that was accepted is durable."));
    }

    // On a busy machine the start may be over before the signal is sent.
    [Test]
    [Retry(3)]
    public async Task SIGTERM_during_the_start_fails_it_in_order()
    {
        using var folder = new TemporaryFolder();

        // It is there before the migrations run.
        var (exitCode, output, error) = await RunningProgram.RunAndSignalAsync(folder.Path, "TERM", Path.Combine(folder.Path, "data", "auth.db.lock"));

        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(error.TrimEnd(), Is.EqualTo("AuthApi does not start: it was stopped before it had started."));
        await using var again = await RunningProgram.StartAsync(folder.Path);
    }

    [TestCase("GET /me/ HTTP/1.1\r\nHost: localhost\r\nUser-Ag")]
    [TestCase("POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")]
    [TestCase("POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")]
    public async Task A_half_sent_request_does_not_hold_the_shutdown(string half)
    {
        await ShouldEndSoonAsync("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), Encoding.Latin1.GetBytes(half));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_half_sent_http2_request_does_not_hold_it(bool hasHeaders)
    {
        // Of HEADERS, without END_HEADERS or without END_STREAM: :method POST, :scheme http, :path /.
        byte[] frame = [0, 0, 3, 1, (byte)(hasHeaders ? 4 : 0), 0, 0, 0, 1, 0x83, 0x86, 0x84];

        await ShouldEndSoonAsync([.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0], frame, "--Kestrel:EndpointDefaults:Protocols=Http2");
    }

    [Test]
    public async Task The_store_closes_after_the_time_of_the_server()
    {
        using var folder = new TemporaryFolder();
        await using var program = await RunningProgram.StartAsync(folder.Path, "--ShutdownTimeoutSeconds=0");
        using (var browser = program.NewBrowser())
        {
            await browser.RegisterAsync();
            await browser.LogInAsync();
            await browser.MeAsync();
        }

        using var half = await RawConnection.OpenAsync(program.Address);
        await half.SendAsync("GET /me/ HTTP/1.1\r\nHost: ");
        await program.TerminateAsync();

        var (exitCode, output) = await program.Ended;
        Assert.That(exitCode, Is.Zero);
        Assert.That(output[^1].Trim(), Is.EqualTo("The store is closed: every write that was accepted is durable."));
        Assert.That(new FileInfo(Path.Combine(folder.Path, "data", "auth.db-wal")).Length, Is.Zero, "the log is copied into the database");
    }

    // Connections without an action are aborted after two seconds, and an action may have thirty. The rest is for a busy machine.
    private static async Task ShouldEndSoonAsync(byte[] begin, byte[] half, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        await using var program = await RunningProgram.StartAsync(folder.Path, [.. arguments, "--Kestrel:Limits:RequestHeadersTimeout=00:05:00"]);
        using var connection = await RawConnection.OpenAsync(program.Address);
        await connection.SendAsync(begin);
        Assert.That(await connection.ReadAnyAsync(), Is.True, "it is served");
        await connection.SendAsync(half);
        var began = Stopwatch.GetTimestamp();

        await program.TerminateAsync();

        var (exitCode, output) = await program.Ended;
        Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(TimeSpan.FromSeconds(8)));
        Assert.That(exitCode, Is.Zero);
        Assert.That(output[^1].Trim(), Is.EqualTo("The store is closed: every write that was accepted is durable."));
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[1024];
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, timeout.Token));
    }
}
