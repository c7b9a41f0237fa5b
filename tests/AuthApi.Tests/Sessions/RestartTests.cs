using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Sessions;

/// <summary>The program as a process: what it has answered is true after it has ended, however it ended.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class RestartTests(TestedStore store)
{
    [Test]
    [CancelAfter(120_000)]
    public async Task A_restart_keeps_live_sessions_live_and_dead_ones_dead()
    {
        using var folder = new TemporaryFolder();
        var settings = await store.SettingsAsync();
        var (live, dead) = (new List<string>(), new List<string>());
        await using (var first = await RunningProgram.StartAsync(folder.Path, settings))
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

        await using var second = await RunningProgram.StartAsync(folder.Path, settings);
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
        var settings = await store.SettingsAsync();
        await using (var first = await RunningProgram.StartAsync(folder.Path, settings))
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

        await using var second = await RunningProgram.StartAsync(folder.Path, settings);
        using var right = await second.NewBrowser().PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        await right.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
    }
}
