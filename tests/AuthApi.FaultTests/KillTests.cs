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
    private const int MaxMore = 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // Its own work goes on all the time, so that a kill meets it too. In many rounds one person has more sessions than they may by default.
    private static readonly string[] Busy = ["--Sessions:CleanupInterval=00:00:01", "--Sessions:MaxPerUser=1000"];

    // Both stores at once: they wait as often as they work.
    [Test]
    [CancelAfter(3_600_000)]
    public Task What_was_acknowledged_holds_after_each_kill(CancellationToken cancellationToken) =>
        Task.WhenAll(RunAsync(StoreKind.Sqlite), RunAsync(StoreKind.PostgreSql)).WaitAsync(cancellationToken);

    private static async Task RunAsync(StoreKind kind)
    {
        var promised = new List<string>();
        await using var database = await Database.CreateAsync(kind);
        using var ledger = new Ledger(database.Folder) { MayBreakOff = true };
        var mailFolder = Path.Combine(database.Folder, "data", "mail");
        var people = Enumerable.Range(0, 2).Select(i => new Person($"person{i}@example.com", ledger, mailFolder)).ToList();

        var slowest = TimeSpan.Zero;

        // The first kill is in the migration, wherever that is then.
        await RunningProgram.RunAndKillAsync(database.Folder, RandomTime(200, 1_500), database.Settings);

        // On a slow machine a few rounds more, until an end of each kind was acknowledged.
        var round = 0;
        for (; round < Extent.Kills || (round < Extent.Kills + MaxMore && !people.TrueForAll(person => person.HasEndedEachWay)); round++)
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

        var claimed = await database.EndMailClaimsAsync();
        await using var last = await database.StartAsync(Busy);
        await CheckAsync(last, ledger, people, isWhole: true);
        await ShouldBeMailedAsync(promised, mailFolder);
        var ends = people.SelectMany(person => person.Ends).ToLookup(end => end.Key, end => end.Value);
        await TestContext.Out.WriteLineAsync(
            $"{kind}: {round} kills, {ledger.AcknowledgedEnds} acknowledged ends ({string.Join(", ", ends.Select(end => $"{end.Key} {string.Join('+', end)}"))} of two people), " +
            $"{ledger.Live} sessions live, {promised.Count} mails, {claimed.Count} of them half sent at the end; ready after at most {slowest.TotalSeconds:F1} s.");
        Assert.That(ends.SelectMany(end => end), Is.All.Positive, "each kind of end was acknowledged");
        Assert.That(ledger.AcknowledgedEnds, Is.GreaterThan(Connections * Extent.Kills));
        Assert.That(ledger.Live, Is.GreaterThan(0));
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

        using var load = new Load(program.Address, ledger) { BreaksOff = true };
        using var ending = new CancellationTokenSource();
        Task[] lives = [.. people.Select(person => person.LiveAsync(program.Address, ending.Token))];
        Task[] others = [load.LogOutAsync(tokens, Connections, ending.Token), RequestCodeAsync(program, promised, round)];
        var turns = people.ConvertAll(person => person.Turns);
        var began = Stopwatch.GetTimestamp();
        await Task.Delay(RandomTime(100, 1_000));

        // In each second round at least until each of the people has come to the next kind of end, however slow the machine is.
        while (round % 2 == 0 && !people.Select(person => person.Turns).Zip(turns).All(turn => turn.First > turn.Second + 1) && Stopwatch.GetElapsedTime(began) < Patience)
        {
            await Task.Delay(5);
        }

        var (before, broken) = (load.Answers.ToList(), lives.Where(life => life.IsCompleted).ToList());
        await program.KillAsync();
        await ending.CancelAsync();
        await Task.WhenAll([.. lives, .. others]);
        Assert.That(before, Is.All.EqualTo(HttpStatusCode.OK), "before the kill");
        Assert.That(broken, Is.Empty, "before the kill");
        Assert.That(load.Answers, Is.All.EqualTo(HttpStatusCode.OK).Or.Null);
        Assert.That(load.Answers.Count(answer => answer is null), Is.LessThanOrEqualTo(Connections), "each connection breaks once");
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

    // Each once, however often it was sent.
    private static async Task ShouldBeMailedAsync(List<string> promised, string mailFolder)
    {
        Assert.That(promised, Is.Not.Empty);
        foreach (var email in promised)
        {
            await Mailbox.WaitAsync(mailFolder, email);
            Assert.That(Mailbox.Read(mailFolder, email).Select(mail => mail.Id).Distinct().Count(), Is.LessThan(2), "one message, however often it was sent");
        }
    }
}
