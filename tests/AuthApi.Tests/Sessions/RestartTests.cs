using System.Collections.Concurrent;
using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Sessions;

/// <summary>The program as a process: what it has answered is true after it has ended, however it ended.</summary>
internal sealed class RestartTests
{
    private const int Kills = 10;

    [Test]
    [CancelAfter(120_000)]
    public async Task A_restart_keeps_live_sessions_live_and_dead_ones_dead()
    {
        using var folder = new TemporaryFolder();
        var (live, dead) = (new List<string>(), new List<string>());
        await using (var first = await RunningProgram.StartAsync(folder.Path))
        {
            for (var i = 0; i < 3; i++)
            {
                using var browser = first.NewBrowser();
                await browser.RegisterAsync($"user{i}@example.com");
                await browser.LogInAsync($"user{i}@example.com");
                live.Add(browser.Token);
                using var other = first.NewBrowser();
                await other.LogInAsync($"user{i}@example.com");
                dead.Add(other.Token);
                using var logout = await other.LogOutAsync();
                Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            }

            await first.KillAsync();
        }

        await using var second = await RunningProgram.StartAsync(folder.Path);
        using var client = second.NewBrowser();
        foreach (var (tokens, status) in new[] { (live, HttpStatusCode.OK), (dead, HttpStatusCode.Unauthorized) })
        {
            foreach (var token in tokens)
            {
                client.Cookies["session"] = token;
                Assert.That(await client.MeAsync(), Is.EqualTo(status));
            }
        }
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task A_lock_made_by_guesses_outlives_the_program()
    {
        using var folder = new TemporaryFolder();
        await using (var first = await RunningProgram.StartAsync(folder.Path))
        {
            using var browser = first.NewBrowser();
            await browser.RegisterAsync();
            for (var guess = 0; guess < 5; guess++)
            {
                using var wrong = await browser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });
                Assert.That(wrong.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            }

            await first.KillAsync();
        }

        await using var second = await RunningProgram.StartAsync(folder.Path);
        using var right = await second.NewBrowser().PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        await right.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [Test]
    [CancelAfter(300_000)]
    public async Task What_was_answered_before_a_kill_is_true_after_it()
    {
        // Logins and logouts under load, kill -9 in the middle, start again, and hold every answer so far against the store.
        using var folder = new TemporaryFolder();
        var (alive, ended) = (new ConcurrentDictionary<string, bool>(), new ConcurrentDictionary<string, bool>());
        await using (var first = await RunningProgram.StartAsync(folder.Path))
        {
            using var browser = first.NewBrowser();
            for (var user = 0; user < 2; user++)
            {
                await browser.RegisterAsync($"user{user}@example.com");
            }
        }

        for (var round = 0; round <= Kills; round++)
        {
            await using var program = await RunningProgram.StartAsync(folder.Path);
            using (var probe = program.NewBrowser())
            {
                foreach (var (tokens, status) in new[] { (alive, HttpStatusCode.OK), (ended, HttpStatusCode.Unauthorized) })
                {
                    foreach (var token in tokens.Keys)
                    {
                        probe.Cookies["session"] = token;
                        Assert.That(await probe.MeAsync(), Is.EqualTo(status), $"after {round} kills");
                    }
                }
            }

            if (round < Kills)
            {
                await KillUnderLoadAsync(program, alive, ended);
            }
        }

        Assert.That(ended.Values, Is.All.True);
        Assert.That(alive, Is.Not.Empty);
        Assert.That(ended, Is.Not.Empty);
    }

    private static async Task KillUnderLoadAsync(RunningProgram program, ConcurrentDictionary<string, bool> alive, ConcurrentDictionary<string, bool> ended)
    {
        var answered = 0;
        var enough = new TaskCompletionSource();
        var clients = Enumerable.Range(0, 2).Select(user => Task.Run(async () =>
        {
            try
            {
                for (var i = 0; ; i++)
                {
                    using var browser = program.NewBrowser();
                    await browser.LogInAsync($"user{user}@example.com");
                    var token = browser.Token;
                    alive[token] = true;
                    if (i % 3 != 0)
                    {
                        alive.TryRemove(token, out _); // not acknowledged yet: may be either
                        using var logout = await browser.LogOutAsync();
                        ended[token] = logout.StatusCode == HttpStatusCode.OK;
                    }

                    if (Interlocked.Increment(ref answered) == 12)
                    {
                        enough.SetResult();
                    }
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                // Killed in the middle of a call: nothing was answered, so nothing is promised.
            }
        })).ToList();

        await enough.Task;
        await program.KillAsync();
        await Task.WhenAll(clients);
    }
}
