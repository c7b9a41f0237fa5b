using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>The program is killed at a certain call of the kernel, in the middle of what is over too soon to be met by chance.</summary>
internal sealed class AimedKillTests
{
    private const int Killed = 137;
    private const string Write = "pwrite64,write";

    // Each has two checkpoints.
    private const int MaxBatches = 8;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private SqliteDatabase _database = null!;
    private Ledger _ledger = null!;

    [SetUp]
    public void SetUp()
    {
        _database = new SqliteDatabase();
        _ledger = new Ledger(_database.Folder) { MayBreakOff = true };
    }

    [TearDown]
    public async Task TearDown()
    {
        _ledger.Dispose();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task A_kill_within_a_checkpoint_loses_nothing()
    {
        (string Calls, int Call)[] kills = [(Write, 1), (Write, 40), ("fdatasync,fsync", 1)];
        int user;
        await using (var first = await _database.StartAsync())
        {
            using var browser = first.NewBrowser();
            user = await browser.RegisterAsync("grace@example.com");
            await _database.LogInAsync(first, _ledger, 10);
        }

        foreach (var (calls, call) in kills)
        {
            // With a write-ahead log, only a checkpoint writes to the file itself.
            await using var program = await RunningProgram.StartAsync(_database.Folder, AimedKill.At(call, calls, _database.File));
            await _ledger.CheckChangedAsync(program.Address);
            using var load = new Load(program.Address, _ledger) { BreaksOff = true };
            for (var batch = 0; batch < MaxBatches && !program.Ended.IsCompleted; batch++)
            {
                var tokens = await _database.InsertSessionsAsync(user, 300);
                await load.LogOutAsync(new ConcurrentQueue<string>(tokens), connections: 8, CancellationToken.None);
            }

            Assert.That((await program.Ended.WaitAsync(Patience)).ExitCode, Is.EqualTo(Killed), $"{calls} {call}");
            Assert.That(load.Answers, Is.All.EqualTo(HttpStatusCode.OK).Or.Null);
            await _database.CheckAsync();
        }

        await using var last = await _database.StartAsync();
        await _ledger.CheckAsync(last.Address);
        Assert.That(_ledger.AcknowledgedEnds, Is.GreaterThan(kills.Length));
        Assert.That(_ledger.Live, Is.GreaterThanOrEqualTo(10));
    }

    [Test]
    public async Task A_kill_within_a_migration_leaves_one_that_goes_on()
    {
        // In the second and third the migrations go on from where the one before was killed.
        foreach (var call in new[] { 3, 20, 60 })
        {
            var (exitCode, error) = await RunningProgram.RunToEndAsync(_database.Folder, AimedKill.At(call, Write, _database.File + "-wal"));
            Assert.That((exitCode, error), Is.EqualTo((Killed, "")), $"{call}");
        }

        await using var program = await _database.StartAsync();
        using var browser = program.NewBrowser();
        await browser.RegisterAsync();
        await browser.LogInAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        await _database.CheckAsync();
    }

    [Test]
    public async Task A_message_cut_off_by_a_kill_is_sent_when_its_claim_ends()
    {
        const string email = "ada@example.com";
        var folder = Path.Combine(_database.Folder, "data", "mail");
        await using (var first = await _database.StartAsync())
        {
            using var browser = first.NewBrowser();
            await browser.RegisterAsync(email);
        }

        // The message gets its name when it is whole.
        await using (var program = await RunningProgram.StartAsync(_database.Folder, AimedKill.At(1, "rename,renameat,renameat2")))
        {
            using var client = new HttpClient { BaseAddress = program.Address };
            using var forgot = await client.PostAsJsonAsync("/password/forgot/", new { email });
            Assert.That(forgot.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
            Assert.That((await program.Ended.WaitAsync(Patience)).ExitCode, Is.EqualTo(Killed));
        }

        Assert.That(Mailbox.Read(folder, email), Is.Empty);
        Assert.That(await _database.EndMailClaimsAsync(), Is.EqualTo(new[] { email }));
        await _database.CheckAsync();

        await using var next = await _database.StartAsync();
        await Mailbox.WaitAsync(folder, email);
        Assert.That(Mailbox.Read(folder, email).Count(mail => mail.Code is not null), Is.EqualTo(1));
    }
}
