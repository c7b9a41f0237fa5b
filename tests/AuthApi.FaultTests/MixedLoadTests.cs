using System.Collections.Concurrent;
using System.Diagnostics;
using AuthApi.FaultTests.Harness;
using AuthApi.Sessions;

namespace AuthApi.FaultTests;

/// <summary>Everything at once for a while: what the program holds levels off.</summary>
[NonParallelizable]
internal sealed class MixedLoadTests
{
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
            "--Sessions:CleanupInterval=00:00:01", "--Sessions:IdleTimeout=12:00:00", "--Accounts:PublicUrl=http://localhost");
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
        var held = new List<(long Memory, int Handles, int Threads)>();
        var began = Stopwatch.GetTimestamp();
        for (var round = 0; round < 5; round++)
        {
            while (Stopwatch.GetElapsedTime(began) < Extent.MixedLoad * (round + 1) / 5 && !lives.Any(life => life.IsFaulted))
            {
                await load.LogOutAsync(new ConcurrentQueue<string>(await database.InsertSessionsAsync(user, 500)), connections: 8, CancellationToken.None);
            }

            held.Add((program.ResidentMemory, program.Handles, program.Threads));
        }

        await ending.CancelAsync();
        await Task.WhenAll(lives);
        var logins = withFactors.SelectMany(person => person.Logins).ToLookup(login => login.Key, login => login.Value);
        await TestContext.Out.WriteLineAsync(
            $"{kind}: {string.Join("; ", held.Select(one => $"{one.Memory / 1024 / 1024} MB, {one.Handles} handles, {one.Threads} threads"))}; " +
            $"logins by {string.Join(", ", logins.Select(factor => $"{factor.Key} {string.Join('+', factor)}"))}; " +
            $"{string.Join('+', administrators.Select(administrator => administrator.Ends))} ends by administrators; {ledger.AcknowledgedEnds} ends.");
        Assert.That(logins.SelectMany(factor => factor), Is.All.Positive, "both transports, each factor");
        Assert.That(administrators.Select(administrator => administrator.Ends), Is.All.Positive);
        Assert.That(held[^1].Memory, Is.LessThan(held[1].Memory * 1.3), $"{kind}");
        Assert.That(held[^1].Handles, Is.LessThan(held[1].Handles + 40), $"{kind}");
        Assert.That(held[^1].Threads, Is.LessThan(held[1].Threads + 10), $"{kind}");
        if (database is SqliteDatabase sqlite)
        {
            Assert.That(new FileInfo(sqlite.File + "-wal").Length, Is.LessThan(64 * 1024 * 1024));
        }

        await ledger.CheckAsync(program.Address);
        await database.CheckAsync();
    }
}
