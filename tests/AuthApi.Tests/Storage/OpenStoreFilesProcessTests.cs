using System.Net;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;

namespace AuthApi.Tests.Storage;

/// <summary>Somebody removes or replaces a file of the store while the program, a process of its own, is using it and is killed or ended.</summary>
[Platform("Linux")]
internal sealed class OpenStoreFilesProcessTests
{
    private TemporaryFolder _folder = null!;

    private string DatabaseFile => Path.Combine(_folder.Path, "data", "auth.db");

    private string LogFile => DatabaseFile + "-wal";

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase(true)]
    [TestCase(false)]
    [CancelAfter(120_000)]
    public async Task Logouts_stay_after_the_log_was_removed(bool isKilled)
    {
        var (live, dead) = (new List<string>(), new List<string>());
        await using (var program = await RunningProgram.StartAsync(_folder.Path))
        {
            var browsers = await LogInAsync(program, 8);
            live.AddRange(browsers.Skip(6).Select(browser => browser.Token));
            foreach (var browser in browsers.Take(3))
            {
                dead.Add(browser.Token);
                using var logout = await browser.LogOutAsync();
                Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            }

            File.Delete(LogFile);
            foreach (var browser in browsers.Skip(3).Take(3))
            {
                var token = browser.Token;
                using var logout = await browser.LogOutAsync();
                (logout.StatusCode == HttpStatusCode.OK ? dead : live).Add(token);
            }

            Assert.That(dead, Has.Count.GreaterThan(4), "it goes on");
            await EndAsync(program, isKilled);
        }

        await using var next = await RunningProgram.StartAsync(_folder.Path);
        Assert.That(await StatusesAsync(next, dead), Is.All.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await StatusesAsync(next, live), Is.All.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Logouts_stay_though_nobody_writes_after_the_removal()
    {
        var dead = new List<string>();
        await using (var program = await RunningProgram.StartAsync(_folder.Path))
        {
            foreach (var browser in await LogInAsync(program, 2))
            {
                dead.Add(browser.Token);
                using var logout = await browser.LogOutAsync();
                Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            }

            File.Delete(LogFile);
            Assert.That(() => File.Exists(LogFile), Is.True.After(20_000, 50));
            await program.KillAsync();
        }

        await using var next = await RunningProgram.StartAsync(_folder.Path);
        Assert.That(await StatusesAsync(next, dead), Is.All.EqualTo(HttpStatusCode.Unauthorized));
    }

    [TestCase(true)]
    [TestCase(false)]
    [CancelAfter(120_000)]
    public async Task A_file_moved_over_the_database_is_not_touched(bool isKilled)
    {
        byte[] before;
        string token;
        await using (var program = await RunningProgram.StartAsync(_folder.Path))
        {
            var browser = (await LogInAsync(program, 1))[0];
            token = browser.Token;
            var backup = Path.Combine(_folder.Path, "backup.db");
            await BackUpAsync(backup);
            before = await File.ReadAllBytesAsync(backup);
            File.Move(backup, DatabaseFile, overwrite: true);

            using var logout = await browser.LogOutAsync();
            await logout.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
            using var registration = await program.NewBrowser().PostAsync("/register/", new { email = "eve@example.com", password = Browser.Password });
            Assert.That(registration.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            using var ready = await program.NewBrowser().GetAsync("/health/ready");
            Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            await EndAsync(program, isKilled);
        }

        Assert.That(await File.ReadAllBytesAsync(DatabaseFile), Is.EqualTo(before));
        Assert.That(new FileInfo(LogFile) is { Exists: false } or { Length: 0 }, "nothing of the old file is left for the new one");

        await using var next = await RunningProgram.StartAsync(_folder.Path);
        Assert.That(await StatusesAsync(next, [token]), Is.All.EqualTo(HttpStatusCode.OK), "as in the backup");
    }

    private static async Task<List<Browser>> LogInAsync(RunningProgram program, int count)
    {
        var browsers = new List<Browser>();
        await program.NewBrowser().RegisterAsync();
        for (var i = 0; i < count; i++)
        {
            var browser = program.NewBrowser();
            await browser.LogInAsync();
            browsers.Add(browser);
        }

        return browsers;
    }

    private static async Task<List<HttpStatusCode>> StatusesAsync(RunningProgram program, IEnumerable<string> tokens)
    {
        using var browser = program.NewBrowser();
        var statuses = new List<HttpStatusCode>();
        foreach (var token in tokens)
        {
            browser.Cookies["session"] = token;
            statuses.Add(await browser.MeAsync());
        }

        return statuses;
    }

    private static async Task EndAsync(RunningProgram program, bool isKilled)
    {
        if (isKilled)
        {
            await program.KillAsync();
        }
        else
        {
            await program.TerminateAsync();
            await program.Ended;
        }
    }

    private async Task BackUpAsync(string file)
    {
        await using var connection = new SqliteConnection($"Data Source={DatabaseFile};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "VACUUM INTO @file";
        command.Parameters.AddWithValue("@file", file);
        await command.ExecuteNonQueryAsync();
    }
}
