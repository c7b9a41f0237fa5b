using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>The program is killed under load, again and again: what it has acknowledged is true when it is back.</summary>
[NonParallelizable]
[TestFixture(StoreKind.Sqlite)]
[TestFixture(StoreKind.PostgreSql)]
internal sealed class KillTests(StoreKind kind)
{
    private const int Seeded = 400;
    private const int Connections = 8;

    // Its own work goes on all the time, so that a kill meets it too.
    private static readonly string[] Busy = ["--Sessions:CleanupInterval=00:00:01"];

    private readonly List<string> _promised = [];

    [Test]
    [CancelAfter(3_600_000)]
    public async Task What_was_acknowledged_holds_after_each_kill(CancellationToken cancellationToken)
    {
        await using var database = await Database.CreateAsync(kind);
        using var ledger = new Ledger(database.Folder);
        var mailFolder = Path.Combine(database.Folder, "data", "mail");
        var people = Enumerable.Range(0, 2).Select(i => new Person($"person{i}@example.com", ledger, mailFolder)).ToList();

        // The first kill is in the migration, wherever that is then.
        await Published.KillAfterAsync(RandomTime(200, 1_500), database.Folder, database.Settings);
        for (var round = 0; round < Extent.Kills; round++)
        {
            await using var program = await StartAsync(database);
            await CheckAsync(program, ledger, people);
            await KillUnderLoadAsync(program, database, ledger, people, round);
            await database.CheckAsync();
            if (round % 4 == 0)
            {
                await Published.KillAfterAsync(RandomTime(100, 1_500), database.Folder, database.Settings);
            }
        }

        await using var last = await StartAsync(database);
        await CheckAsync(last, ledger, people);
        await ShouldBeMailedAsync(database, mailFolder, cancellationToken);
        Assert.That(ledger.AcknowledgedEnds, Is.GreaterThan(Extent.Kills));
        Assert.That(ledger.Live, Is.GreaterThan(0));
        await TestContext.Out.WriteLineAsync($"{Extent.Kills} kills, {ledger.AcknowledgedEnds} acknowledged ends, {ledger.Live} sessions live, {_promised.Count} mails.");
    }

    private static TimeSpan RandomTime(int min, int max) => TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(min, max));

    private static async Task<RunningProgram> StartAsync(Database database)
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

        return program;
    }

    private static async Task CheckAsync(RunningProgram program, Ledger ledger, List<Person> people)
    {
        await ledger.CheckAsync(program.Address);
        foreach (var person in people)
        {
            await person.CheckAsync(program.Address);
        }
    }

    private async Task KillUnderLoadAsync(RunningProgram program, Database database, Ledger ledger, List<Person> people, int round)
    {
        // Their sessions are live for as long as one that is used.
        var tokens = new ConcurrentQueue<string>(await database.LogInAsync(program, ledger, Seeded, $"seeded{round}@example.com"));

        using var load = new Load(program.Address, ledger);
        using var ending = new CancellationTokenSource();
        Task[] clients = [load.LogOutAsync(tokens, Connections, ending.Token), .. people.Select(person => person.LiveAsync(program.Address, ending.Token)), RequestCodeAsync(program, round)];
        await Task.Delay(RandomTime(100, 1_000));
        await program.KillAsync();
        await ending.CancelAsync();
        await Task.WhenAll(clients);
    }

    // Somebody who forgot their password in this round: what was accepted is mailed, before the kill or after it.
    private async Task RequestCodeAsync(RunningProgram program, int round)
    {
        var email = $"seeded{round}@example.com";
        using var client = new HttpClient { BaseAddress = program.Address };
        try
        {
            using var forgot = await client.PostAsJsonAsync("/password/forgot/", new { email });
            if (forgot.StatusCode == HttpStatusCode.Accepted)
            {
                _promised.Add(email);
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            // Killed before the answer.
        }
    }

    // A message that was being sent when the program was killed waits for five minutes, and is sent again under its id.
    private async Task ShouldBeMailedAsync(Database database, string mailFolder, CancellationToken cancellationToken)
    {
        Assert.That(_promised, Is.Not.Empty);
        foreach (var email in _promised)
        {
            while (!Mailbox.Read(mailFolder, email).Any() && !(await database.QueuedMailsAsync()).Contains(email))
            {
                await Task.Delay(20, cancellationToken);
            }

            Assert.That(Mailbox.Read(mailFolder, email).Select(mail => mail.Id).Distinct().Count(), Is.LessThan(2), "one message, however often it was sent");
        }
    }
}
