using System.Diagnostics;
using System.Net;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>Clients that hang up, are slow, or are many: a session ends if and only if its logout reached the application, and nobody else waits for them.</summary>
[NonParallelizable]
internal sealed class ClientTests
{
    // How many POST requests the application has answered, with whatever status.
    private const string Requests = "http_server_request_duration_seconds_count{http_request_method=\"POST\"";

    // Of what 12,000 connections took, the server keeps tables of them and a pool of buffers, which it shrinks slowly.
    private const long MaxHeapGrowth = 40L << 20;
    private const long MaxGrowth = 100L << 20;

    private static readonly int[] HangUpAfter = [0, 1, 5, 20];

    private SqliteDatabase _database = null!;
    private Ledger _ledger = null!;
    private RunningProgram _program = null!;
    private int _user;

    [OneTimeSetUp]
    public async Task SetUp()
    {
        _database = new SqliteDatabase();
        _ledger = new Ledger(_database.Folder);
        _program = await _database.StartAsync("--Metrics:Enabled=true");
        using var browser = _program.NewBrowser();
        _user = await browser.RegisterAsync();
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        _ledger.Dispose();
        await _program.DisposeAsync();
        await _database.DisposeAsync();
    }

    [TestCaseSource(nameof(HangUpAfter))]
    public async Task A_client_that_hangs_up_is_logged_out_if_its_request_arrived(int milliseconds)
    {
        const int count = 500;
        var tokens = await _database.InsertSessionsAsync(_user, count);
        var before = await Metrics.ReadAsync(_program.Address, Requests);
        await Parallel.ForEachAsync(tokens, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (token, _) =>
        {
            using var connection = await RawConnection.OpenAsync(_program.Address);
            await connection.SendAsync(Logout(token));
            await Task.Delay(milliseconds, CancellationToken.None);
        });
        await WaitForQuietAsync();

        var ended = await CountEndedAsync(tokens);

        // Each request that the server passed to the application is counted there, whether or not the client read the answer.
        Assert.That(ended, Is.EqualTo(await Metrics.ReadAsync(_program.Address, Requests) - before));
        Assert.That(ended, milliseconds == 0 ? Is.InRange(1, count) : Is.EqualTo(count));
    }

    [Test]
    public async Task Slow_clients_and_idle_connections_hold_nobody_up()
    {
        using var load = new Load(_program.Address, _ledger);
        var waiting = new Queue<string>(await _database.LogInAsync(_program, _ledger, 1_600, "grace@example.com"));
        await load.P99OfLogoutsAsync(waiting, 500);
        var quiet = await load.P99OfLogoutsAsync(waiting, 500);
        var (heap, _) = await ManagedHeap.CollectAsync(_program);
        var (handles, threads, memory) = (_program.Handles, _program.Threads, _program.ResidentMemory);
        var connections = new List<RawConnection>();
        long peak;
        try
        {
            for (var i = 0; i < 12_000; i++)
            {
                connections.Add(await RawConnection.OpenAsync(_program.Address));
            }

            // A thousand that never end their headers, a thousand that never end their body, and ten thousand that say nothing.
            await Task.WhenAll(connections.Take(2_000).Select((connection, i) => connection.SendAsync(i % 2 == 0
                ? "GET /me/ HTTP/1.1\r\nHost: localhost\r\nUser-Ag"
                : "POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")));
            var busy = await load.P99OfLogoutsAsync(waiting, 500);
            peak = _program.ResidentMemory;
            await TestContext.Out.WriteLineAsync($"p99 of a logout: {quiet.TotalMilliseconds:F1} ms quiet, {busy.TotalMilliseconds:F1} ms beside 12,000 connections.");
            Assert.That(busy, Is.LessThan(TimeSpan.FromMilliseconds(Math.Max(5 * quiet.TotalMilliseconds, 20))));
        }
        finally
        {
            connections.ForEach(connection => connection.Dispose());
        }

        Assert.That(() => _program.Handles, Is.LessThan(handles + 50).After(20_000, 100), "handles are where they were");
        Assert.That(() => _program.Threads, Is.LessThan(threads + 10).After(30_000, 100), "threads are where they were");
        var after = await WaitForMemoryAsync(heap + MaxHeapGrowth, memory + MaxGrowth);
        await TestContext.Out.WriteLineAsync(
            $"Memory: {memory >> 20} MB before, of them {heap >> 20} MB managed; {peak >> 20} MB beside 12,000 connections; {after.Resident >> 20} MB after, of them {after.Heap >> 20} MB managed.");
        Assert.That(after.Heap, Is.LessThan(heap + MaxHeapGrowth), "managed memory is where it was");
        Assert.That(after.Resident, Is.LessThan(memory + MaxGrowth), "memory is where it was");
        await _ledger.CheckAsync(_program.Address);
    }

    [Test]
    public async Task A_half_closed_socket_logs_out_and_leaves_nothing_open()
    {
        var tokens = await _database.InsertSessionsAsync(_user, 50);
        var handles = _program.Handles;
        foreach (var token in tokens)
        {
            using var connection = await RawConnection.OpenAsync(_program.Address);
            await connection.SendAsync(Logout(token));
            connection.HalfClose();

            // To Kestrel a client that has closed its sending side is gone, so the answer may not be sent.
            Assert.That((await connection.ReadAsync("POST"))?.Status, Is.Null.Or.EqualTo(200));
        }

        await WaitForQuietAsync();
        Assert.That(await CountEndedAsync(tokens), Is.EqualTo(50));
        Assert.That(() => _program.Handles, Is.LessThan(handles + 20).After(10_000, 50));
    }

    // What the connections had is garbage until the next full collection, which comes with the next load. Here it is asked for.
    private async Task<(long Heap, long Resident)> WaitForMemoryAsync(long heap, long resident)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var (inUse, _) = await ManagedHeap.CollectAsync(_program);
            if ((inUse <= heap && _program.ResidentMemory <= resident) || Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(30))
            {
                return (inUse, _program.ResidentMemory);
            }

            await Task.Delay(500);
        }
    }

    private static string Logout(string token) => $"POST /logout/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Session {token}\r\nContent-Length: 0\r\n\r\n";

    private async Task<int> CountEndedAsync(IReadOnlyList<string> tokens)
    {
        using var load = new Load(_program.Address, _ledger);
        var ended = 0;
        foreach (var token in tokens)
        {
            using var me = await load.SendAsync(token, HttpMethod.Get, "/me/");
            ended += me.StatusCode == HttpStatusCode.Unauthorized ? 1 : 0;
        }

        return ended;
    }

    private Task WaitForQuietAsync() => Metrics.WaitAsync(_program.Address, "http_server_active_requests{http_request_method=\"POST\"", active => active == 0);
}
