using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>The program is killed under load, again and again: what it has acknowledged is true when it is back.</summary>
[NonParallelizable]
internal sealed class KillTests
{
    private const int Seeded = 400;
    private const int Connections = 8;

    // Its own work goes on all the time, so that a kill meets it too. In many rounds one person has more sessions than they may by default.
    private static readonly string[] Busy = ["--Sessions:CleanupInterval=00:00:01", "--Sessions:MaxPerUser=1000"];

    // Both stores at once: they wait as often as they work.
    [Test]
    [CancelAfter(3_600_000)]
    public Task What_was_acknowledged_holds_after_each_kill(CancellationToken cancellationToken) =>
        Task.WhenAll(RunAsync(StoreKind.Sqlite, cancellationToken), RunAsync(StoreKind.PostgreSql, cancellationToken));

    private static async Task RunAsync(StoreKind kind, CancellationToken cancellationToken)
    {
        var promised = new List<string>();
        await using var database = await Database.CreateAsync(kind);
        using var ledger = new Ledger(database.Folder);
        var mailFolder = Path.Combine(database.Folder, "data", "mail");
        var people = Enumerable.Range(0, 2).Select(i => new Person($"person{i}@example.com", ledger, mailFolder)).ToList();

        var slowest = TimeSpan.Zero;

        // The first kill is in the migration, wherever that is then.
        await RunningProgram.RunAndKillAsync(database.Folder, RandomTime(200, 1_500), database.Settings);
        for (var round = 0; round < Extent.Kills; round++)
        {
            var (started, ready) = await StartAsync(database);
            await using var program = started;
            slowest = ready > slowest ? ready : slowest;
            await CheckAsync(program, ledger, people, isWhole: round % 10 == 9);
            await KillUnderLoadAsync(program, database, ledger, people, promised, round);
            await database.CheckAsync();
            if (round % 4 == 0)
            {
                await RunningProgram.RunAndKillAsync(database.Folder, RandomTime(100, 1_500), database.Settings);
            }
        }

        await using var last = await database.StartAsync(Busy);
        await CheckAsync(last, ledger, people, isWhole: true);
        await ShouldBeMailedAsync(database, promised, mailFolder, cancellationToken);
        Assert.That(ledger.AcknowledgedEnds, Is.GreaterThan(Extent.Kills));
        Assert.That(ledger.Live, Is.GreaterThan(0));
        await TestContext.Out.WriteLineAsync($"{kind}: {Extent.Kills} kills, {ledger.AcknowledgedEnds} acknowledged ends, {ledger.Live} sessions live, {promised.Count} mails; ready after at most {slowest.TotalSeconds:F1} s.");
    }

    private static TimeSpan RandomTime(int min, int max) => TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(min, max));

    private static async Task<(RunningProgram Program, TimeSpan Ready)> StartAsync(Database database)
    {
        var began = Stopwatch.GetTimestamp();
        var program = await database.StartAsync(Busy);
        using var client = new HttpClient { BaseAddress = program.Address };
        using var ready = await client.GetAsync("/health/ready");
        var elapsed = Stopwatch.GetElapsedTime(began);
        if (ready.StatusCode != HttpStatusCode.OK || elapsed > TimeSpan.FromSeconds(5))
        {
            await program.DisposeAsync();
            Assert.Fail($"It is ready again in 5 seconds: {(int)ready.StatusCode} after {elapsed}.");
        }

        return (program, elapsed);
    }

    // What happened since the last check, and now and then all that ever did: each time it would be most of the work.
    private static async Task CheckAsync(RunningProgram program, Ledger ledger, List<Person> people, bool isWhole)
    {
        await ledger.CheckChangedAsync(program.Address);
        if (isWhole)
        {
            await ledger.CheckAsync(program.Address);
        }

        foreach (var person in people)
        {
            await person.CheckAsync(program.Address);
        }
    }

    private static async Task KillUnderLoadAsync(RunningProgram program, Database database, Ledger ledger, List<Person> people, List<string> promised, int round)
    {
        // Their sessions are live for as long as one that is used.
        var tokens = new ConcurrentQueue<string>(await database.LogInAsync(program, ledger, Seeded, $"seeded{round}@example.com"));

        using var load = new Load(program.Address, ledger);
        using var ending = new CancellationTokenSource();
        Task[] clients = [load.LogOutAsync(tokens, Connections, ending.Token), .. people.Select(person => person.LiveAsync(program.Address, ending.Token)), RequestCodeAsync(program, promised, round)];
        await Task.Delay(RandomTime(100, 1_000));
        await program.KillAsync();
        await ending.CancelAsync();
        await Task.WhenAll(clients);
    }

    // Somebody who forgot their password in this round: what was accepted is mailed, before the kill or after it.
    private static async Task RequestCodeAsync(RunningProgram program, List<string> promised, int round)
    {
        var email = $"seeded{round}@example.com";
        using var client = new HttpClient { BaseAddress = program.Address };
        try
        {
            using var forgot = await client.PostAsJsonAsync("/password/forgot/", new { email });
            if (forgot.StatusCode == HttpStatusCode.Accepted)
            {
                promised.Add(email);
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            // Killed before the answer.
        }
    }

    // A message that was being sent when the program was killed waits for five minutes, and is sent again under its id.
    private static async Task ShouldBeMailedAsync(Database database, List<string> promised, string mailFolder, CancellationToken cancellationToken)
    {
        Assert.That(promised, Is.Not.Empty);
        foreach (var email in promised)
        {
            while (!Mailbox.Read(mailFolder, email).Any() && !(await database.QueuedMailsAsync()).Contains(email))
            {
                await Task.Delay(20, cancellationToken);
            }

            Assert.That(Mailbox.Read(mailFolder, email).Select(mail => mail.Id).Distinct().Count(), Is.LessThan(2), "one message, however often it was sent");
        }
    }
}
