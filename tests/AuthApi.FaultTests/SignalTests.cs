using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>The program gets a signal while it serves: what was accepted is done and answered, and nothing is done by half.</summary>
internal sealed class SignalTests
{
    private const int InFlight = 50;
    private const int MaxTries = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // A logout waits for another process's lock for two seconds, and looks for it every tenth of one.
    private static readonly TimeSpan MaxHold = TimeSpan.FromSeconds(1.8);

    private SqliteDatabase _database = null!;
    private Ledger _ledger = null!;

    [SetUp]
    public void SetUp()
    {
        _database = new SqliteDatabase();
        _ledger = new Ledger(_database.Folder);
    }

    [TearDown]
    public async Task TearDown()
    {
        _ledger.Dispose();
        await _database.DisposeAsync();
    }

    [TestCase(1)]
    [TestCase(2, Description = "a second signal has no further effect")]
    public async Task SIGTERM_drops_no_request_under_way(int signals)
    {
        var tries = 1;
        while (!await TerminateAsync(signals, $"user{tries}@example.com"))
        {
            Assert.That(++tries, Is.LessThanOrEqualTo(MaxTries), "This machine is too busy to hold the lock for less than a logout waits for it.");
        }

        await using var next = await _database.StartAsync();
        await _ledger.CheckAsync(next.Address);
        await _database.CheckAsync();
    }

    [Test]
    public async Task A_program_that_stood_still_for_30_seconds_goes_on()
    {
        _ledger.MayBreakOff = true; // after the client's 30 seconds
        await using var program = await _database.StartAsync();
        var tokens = new ConcurrentQueue<string>(await _database.LogInAsync(program, _ledger, 1_000));
        using var load = new Load(program.Address, _ledger);
        using var ending = new CancellationTokenSource();
        var logouts = load.LogOutAsync(tokens, connections: 8, ending.Token);
        await WaitForAnswersAsync(load, 100);

        await program.SignalAsync("STOP");
        await Task.Delay(TimeSpan.FromSeconds(30));
        var before = load.Answers.Count;
        await program.SignalAsync("CONT");
        await WaitForAnswersAsync(load, before + 100);
        await ending.CancelAsync();
        await logouts;

        // Those that waited may have been cut by the client's patience or the server's limits, and none was answered wrongly.
        Assert.That(load.Answers.Skip(before + 8), Is.All.EqualTo(HttpStatusCode.OK));
        await _ledger.CheckAsync(program.Address);
    }

    // Returns whether the lock that holds the logouts under way was released in time; otherwise some of them may be 503.
    private async Task<bool> TerminateAsync(int signals, string email)
    {
        await using var program = await _database.StartAsync("--Metrics:Enabled=true");
        var tokens = await _database.LogInAsync(program, _ledger, InFlight, email);
        using var load = new Load(program.Address, _ledger);
        Task logouts;
        var began = Stopwatch.GetTimestamp();
        await using (await _database.LockAsync())
        {
            logouts = load.LogOutAsync(new ConcurrentQueue<string>(tokens), InFlight, CancellationToken.None);
            await Metrics.WaitAsync(program.Address, "http_server_active_requests{http_request_method=\"POST\"", active => active >= InFlight);
            for (var i = 0; i < signals; i++)
            {
                await program.TerminateAsync();
            }

            await WaitForRefusalAsync(program);
        }

        var held = Stopwatch.GetElapsedTime(began);
        await logouts;
        await TestContext.Out.WriteLineAsync($"The lock was held for {held.TotalMilliseconds:F0} ms.");
        if (held > MaxHold && load.Answers.Contains(HttpStatusCode.ServiceUnavailable))
        {
            Assert.That(load.Answers, Is.All.AnyOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable));
            return false;
        }

        Assert.That(load.Answers, Has.Count.EqualTo(InFlight).And.All.EqualTo(HttpStatusCode.OK));
        Assert.That(load.Closing, Is.EqualTo(InFlight), "each says that its connection closes");
        var (exitCode, output) = await program.Ended.WaitAsync(Patience);
        Assert.That(exitCode, Is.Zero);
        Assert.That(output[^1].Trim(), Is.EqualTo("The store is closed: every write that was accepted is durable."));
        return true;
    }

    private static async Task WaitForAnswersAsync(Load load, int count)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (load.Answers.Count < count)
        {
            await Task.Delay(5, patience.Token);
        }
    }

    // Until no new connection is accepted.
    private static async Task WaitForRefusalAsync(RunningProgram program)
    {
        for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < Patience;)
        {
            try
            {
                using var connection = await RawConnection.OpenAsync(program.Address);
            }
            catch (SocketException)
            {
                return;
            }
        }

        Assert.Fail("The program takes connections after the signal.");
    }
}
