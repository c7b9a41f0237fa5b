using System.Collections.Concurrent;
using System.Diagnostics;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>Everything at once for a while: what the program holds levels off.</summary>
[NonParallelizable]
[TestFixture(StoreKind.Sqlite)]
[TestFixture(StoreKind.PostgreSql)]
internal sealed class MixedLoadTests(StoreKind kind)
{
    [Test]
    [CancelAfter(24 * 3_600_000)]
    public async Task Memory_handles_and_threads_level_off()
    {
        await using var database = await Database.CreateAsync(kind);
        using var ledger = new Ledger(database.Folder);
        await using var program = await database.StartAsync("--Sessions:CleanupInterval=00:00:01");
        using var load = new Load(program.Address, ledger);
        using var browser = program.NewBrowser();
        var user = await browser.RegisterAsync("seeded@example.com");
        var people = Enumerable.Range(0, 4).Select(i => new Person($"person{i}@example.com", ledger, Path.Combine(database.Folder, "data", "mail"))).ToList();
        using var ending = new CancellationTokenSource();
        var lives = people.Select(person => person.LiveAsync(program.Address, ending.Token)).ToList();
        var held = new List<(long Memory, int Handles, int Threads)>();
        var began = Stopwatch.GetTimestamp();
        for (var round = 0; round < 5; round++)
        {
            while (Stopwatch.GetElapsedTime(began) < Extent.MixedLoad * (round + 1) / 5)
            {
                await load.LogOutAsync(new ConcurrentQueue<string>(await database.InsertSessionsAsync(user, 500)), connections: 8, CancellationToken.None);
            }

            held.Add((program.ResidentMemory, program.Handles, program.Threads));
        }

        await ending.CancelAsync();
        await Task.WhenAll(lives);
        await TestContext.Out.WriteLineAsync(string.Join("; ", held.Select(one => $"{one.Memory / 1024 / 1024} MB, {one.Handles} handles, {one.Threads} threads")));
        Assert.That(held[^1].Memory, Is.LessThan(held[1].Memory * 1.3));
        Assert.That(held[^1].Handles, Is.LessThan(held[1].Handles + 40));
        Assert.That(held[^1].Threads, Is.LessThan(held[1].Threads + 10));
        if (database is SqliteDatabase sqlite)
        {
            Assert.That(new FileInfo(sqlite.File + "-wal").Length, Is.LessThan(64 * 1024 * 1024));
        }

        await ledger.CheckAsync(program.Address);
        await database.CheckAsync();
    }
}
