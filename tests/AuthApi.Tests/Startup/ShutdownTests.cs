using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;

namespace AuthApi.Tests.Startup;

/// <summary>What happens to requests when the program stops.</summary>
internal sealed class ShutdownTests
{
    private const int Count = 24;

    // The lock that holds the logouts under way is waited for two seconds only, and a machine may be busier than that.
    [Test]
    [Retry(3)]
    public async Task A_shutdown_completes_logouts_and_exits_with_0()
    {
        using var folder = new TemporaryFolder();
        var tokens = new List<string>();
        await using (var program = await RunningProgram.StartAsync(folder.Path, "--Metrics:Enabled=true"))
        {
            using var browser = program.NewBrowser(SessionTransport.Header);
            await browser.RegisterAsync();
            for (var i = 0; i < Count; i++)
            {
                using var client = browser.Copy();
                await client.LogInAsync();
                Assert.That(await client.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
                tokens.Add(client.Token);
            }

            var connections = await Task.WhenAll(tokens.Select(_ => RawConnection.OpenAsync(program.Address)));
            await using (var store = new SqliteConnection($"Data Source={Path.Combine(folder.Path, "data", "auth.db")};Pooling=False"))
            {
                await store.OpenAsync();
                await ExecuteAsync(store, "BEGIN IMMEDIATE");
                foreach (var (connection, token) in connections.Zip(tokens))
                {
                    await connection.SendAsync($"POST /logout/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Session {token}\r\nContent-Length: 0\r\n\r\n");
                }

                while (await UnderWayAsync(browser) < Count)
                {
                }

                await program.TerminateAsync();
                while (await IsAcceptedAsync(program.Address))
                {
                }

                await ExecuteAsync(store, "ROLLBACK");
            }

            foreach (var connection in connections)
            {
                using (connection)
                {
                    var response = await connection.ReadAsync("POST");
                    Assert.That(response?.Status, Is.EqualTo(200));
                    Assert.That(response!.Headers, Has.Member(("Connection", "close")));
                }
            }

            var (exitCode, output) = await program.Ended;
            Assert.That(exitCode, Is.Zero);
            Assert.That(output[^1].Trim(), Is.EqualTo("The store is closed: every write that was accepted is durable."));
        }

        await using var again = await RunningProgram.StartAsync(folder.Path);
        foreach (var token in tokens)
        {
            using var client = again.NewBrowser(SessionTransport.Header);
            client.Token = token;
            Assert.That(await client.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        }
    }

    [Test]
    public async Task The_service_manager_is_notified_of_ready_and_stop()
    {
        using var folder = new TemporaryFolder();
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        var path = Path.Combine(folder.Path, "notify");
        manager.Bind(new UnixDomainSocketEndPoint(path));
        await using var program = await RunningProgram.StartAsync(folder.Path, new Dictionary<string, string> { ["NOTIFY_SOCKET"] = path });

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

    private static async Task<int> UnderWayAsync(Browser browser)
    {
        using var response = await browser.GetAsync("/metrics");
        var line = (await response.Content.ReadAsStringAsync()).Split('\n').FirstOrDefault(line => line.StartsWith("http_server_active_requests{http_request_method=\"POST\"", StringComparison.Ordinal));
        return line is null ? 0 : int.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture);
    }

    private static async Task<bool> IsAcceptedAsync(Uri address)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, address.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static async Task ExecuteAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
