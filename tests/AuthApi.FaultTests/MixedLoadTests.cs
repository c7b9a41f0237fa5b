using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using AuthApi.FaultTests.Harness;
using AuthApi.Sessions;

namespace AuthApi.FaultTests;

/// <summary>Everything at once for a while: what the program holds levels off.</summary>
[NonParallelizable]
internal sealed class MixedLoadTests
{
    private const int Batch = 200;

    // What stays in use where nothing leaks: some tables and pools that grow for a while. And what each ended session may leave, which is less than a token and its hash take.
    private const long MaxHeapGrowth = 1L << 20;
    private const long MaxHeapGrowthPerEnd = 64;

    private static readonly SessionTransport[] Transports = [SessionTransport.Cookie, SessionTransport.Header];

    // Both stores at once: nothing is timed.
    [Test]
    [CancelAfter(24 * 3_600_000)]
    public Task Memory_handles_and_threads_level_off() => Task.WhenAll(RunAsync(StoreKind.Sqlite), RunAsync(StoreKind.PostgreSql));

    private static async Task RunAsync(StoreKind kind)
    {
        await using var database = await Database.CreateAsync(kind);
        using var ledger = new Ledger(database.Folder);

        // In half an hour unused sessions would end by time.
        await using var program = await database.StartAsync(
            "--Metrics:Enabled=true", "--Sessions:CleanupInterval=00:00:01", "--Sessions:IdleTimeout=12:00:00", "--Accounts:PublicUrl=http://localhost");
        using var load = new Load(program.Address, ledger);
        using var browser = program.NewBrowser();
        var user = await browser.RegisterAsync("seeded@example.com");
        var people = Enumerable.Range(0, 2).Select(i => new Person($"person{i}@example.com", ledger, Path.Combine(database.Folder, "data", "mail"))).ToList();
        var withFactors = Transports.Select(transport => new FactorPerson($"factors-{transport}@example.com", transport, ledger)).ToList();
        var administrators = Transports.Select(transport => new Administrator($"root-{transport}", transport, ledger)).ToList();
        using var ending = new CancellationTokenSource();
        List<Task> lives =
        [
            .. people.Select(person => person.LiveAsync(program.Address, ending.Token)),
            .. withFactors.Select(person => person.LiveAsync(program, ending.Token)),
            .. administrators.Select(administrator => administrator.LiveAsync(program, database, ending.Token)),
        ];
        var held = new List<(int Ends, long Heap, long Memory, int Handles, int Threads)>();
        var began = Stopwatch.GetTimestamp();
        for (var round = 0; round < 5; round++)
        {
            do
            {
                await load.LogOutAsync(new ConcurrentQueue<string>(await database.InsertSessionsAsync(user, Batch)), connections: 8, CancellationToken.None);
            }
            while (Stopwatch.GetElapsedTime(began) < Extent.MixedLoad * (round + 1) / 5 && !lives.Any(life => life.IsFaulted));

            var ends = ledger.AcknowledgedEnds;
            var (heap, _) = await ManagedHeap.CollectAsync(program);
            held.Add((ends, heap, program.ResidentMemory, program.Handles, program.Threads));
        }

        await ending.CancelAsync();
        await Task.WhenAll(lives);
        var logins = withFactors.SelectMany(person => person.Logins).ToLookup(login => login.Key, login => login.Value);
        await TestContext.Out.WriteLineAsync(
            $"{kind}: {string.Join("; ", held.Select(one => $"{one.Ends} ends, {one.Heap >> 10} kB managed, {one.Memory >> 20} MB, {one.Handles} handles, {one.Threads} threads"))}; " +
            $"{string.Join(", ", people.SelectMany(person => person.Ends).GroupBy(end => end.Key, end => end.Value).Select(end => $"{end.Key} {string.Join('+', end)}"))}; " +
            $"logins by {string.Join(", ", logins.Select(factor => $"{factor.Key} {string.Join('+', factor)}"))}; " +
            $"{string.Join('+', administrators.Select(administrator => administrator.Ends))} ends by administrators; {ledger.AcknowledgedEnds} ends.");
        Assert.That(logins.SelectMany(factor => factor), Is.All.Positive, "both transports, each factor");
        Assert.That(administrators.Select(administrator => administrator.Ends), Is.All.Positive);
        Assert.That(people.SelectMany(person => person.Ends.Values), Is.All.Positive, "each kind of end was acknowledged");
        Assert.That(load.Answers, Is.All.EqualTo(HttpStatusCode.OK));
        Assert.That(ledger.AcknowledgedEnds, Is.GreaterThan(load.Answers.Count), "those of the load and those of the others");
        Assert.That(held[^1].Heap - held[1].Heap, Is.LessThan(MaxHeapGrowth + (MaxHeapGrowthPerEnd * (held[^1].Ends - held[1].Ends))), $"{kind}: what is in use after a full collection");
        Assert.That(held[^1].Memory, Is.LessThan(held[1].Memory * 1.3), $"{kind}");
        Assert.That(held[^1].Handles, Is.LessThan(held[1].Handles + 40), $"{kind}");
        Assert.That(held[^1].Threads, Is.LessThan(held[1].Threads + 10), $"{kind}");
        if (database is SqliteDatabase sqlite)
        {
            Assert.That(new FileInfo(sqlite.File + "-wal").Length, Is.LessThan(64 * 1024 * 1024));
        }

        await ledger.CheckAsync(program.Address);
        foreach (var person in people)
        {
            await person.CheckAsync(program.Address);
        }

        await database.CheckAsync();
    }
}
