using System.Collections.Concurrent;
using System.Net;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>A backup that is made while the program serves, and put back after everything went on.</summary>
internal sealed class BackupTests
{
    private const int Sessions = 2_000;

    [Test]
    public async Task A_restored_backup_revives_no_session()
    {
        await using var database = new SqliteDatabase();
        using var ledger = new Ledger(database.Folder);
        IReadOnlyList<string> tokens;
        await using (var program = await database.StartAsync())
        {
            tokens = await database.LogInAsync(program, ledger, Sessions);

            // Half of them end before the copy, beside it and after it.
            using var load = new Load(program.Address, ledger);
            var logouts = load.LogOutAsync(new ConcurrentQueue<string>(tokens.Take(Sessions / 2)), connections: 4, CancellationToken.None);
            await Published.RunCommandAsync(database.Folder, "backup", "copy.db");
            await logouts;
            Assert.That(load.Answers, Is.All.EqualTo(HttpStatusCode.OK));
            await program.KillAsync();
        }

        await Published.RunCommandAsync(database.Folder, "restore", "copy.db", "--yes");
        await database.CheckAsync();
        await using var restored = await database.StartAsync();
        using var client = new Load(restored.Address, ledger);
        foreach (var token in tokens)
        {
            using var me = await client.SendAsync(token, HttpMethod.Get, "/me/");
            Assert.That(me.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        using var again = restored.NewBrowser();
        await again.LogInAsync();
        Assert.That(await again.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "the account is there");
    }
}
