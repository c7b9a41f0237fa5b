using System.Net;
using AuthApi.Sessions.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthApi.Sessions.Tests;

/// <summary>Somebody removes or replaces a file of the store while it is in use. Where a process is killed, its files are copied as they lie.</summary>
[Platform("Linux")]
internal sealed class OpenStoreFilesTests
{
    [TestCase(true)]
    [TestCase(false)]
    [CancelAfter(120_000)]
    public async Task Logouts_stay_after_the_log_was_removed(bool isKilled)
    {
        await using var application = await StartAsync();
        var (live, dead) = (new List<string>(), new List<string>());
        var browsers = await LogInAsync(application, 8);
        live.AddRange(browsers.Skip(6).Select(browser => browser.Token));
        foreach (var browser in browsers.Take(3))
        {
            dead.Add(browser.Token);
            using var logout = await browser.LogOutAsync();
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        File.Delete(application.DatabaseFile + "-wal");
        foreach (var browser in browsers.Skip(3).Take(3))
        {
            var token = browser.Token;
            using var logout = await browser.LogOutAsync();
            (logout.StatusCode == HttpStatusCode.OK ? dead : live).Add(token);
        }

        Assert.That(dead, Has.Count.GreaterThan(4), "it goes on");
        using var left = await EndAsync(application, isKilled);
        await using var next = await StartAsync(left.Path);
        Assert.That(await StatusesAsync(next, dead), Is.All.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await StatusesAsync(next, live), Is.All.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Logouts_stay_though_nobody_writes_after_the_removal()
    {
        await using var application = await StartAsync();
        var dead = new List<string>();
        foreach (var browser in await LogInAsync(application, 2))
        {
            dead.Add(browser.Token);
            using var logout = await browser.LogOutAsync();
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        File.Delete(application.DatabaseFile + "-wal");
        Assert.That(
            () =>
            {
                application.Time.Advance(TimeSpan.FromSeconds(1));
                return File.Exists(application.DatabaseFile + "-wal");
            },
            Is.True.After(20_000, 50));

        using var left = await EndAsync(application, isKilled: true);
        await using var next = await StartAsync(left.Path);
        Assert.That(await StatusesAsync(next, dead), Is.All.EqualTo(HttpStatusCode.Unauthorized));
    }

    [TestCase(true)]
    [TestCase(false)]
    [CancelAfter(120_000)]
    public async Task A_file_moved_over_the_database_is_not_touched(bool isKilled)
    {
        await using var application = await StartAsync();
        var browser = (await LogInAsync(application, 1))[0];
        var token = browser.Token;
        var backup = Path.Combine(application.Folder, "backup.db");
        await BackUpAsync(application.DatabaseFile, backup);
        var before = await File.ReadAllBytesAsync(backup);
        File.Move(backup, application.DatabaseFile, overwrite: true);

        using var logout = await browser.LogOutAsync();
        await logout.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        using var registration = await application.NewBrowser().PostAsync("/register/", new { email = "eve@example.com", password = Browser.Password });
        Assert.That(registration.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        using var ready = await application.NewBrowser().GetAsync("/health/ready");
        Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));

        using var left = await EndAsync(application, isKilled);
        Assert.That(await File.ReadAllBytesAsync(Path.Combine(left.Path, "app.db")), Is.EqualTo(before));
        Assert.That(new FileInfo(Path.Combine(left.Path, "app.db-wal")) is { Exists: false } or { Length: 0 }, "nothing of the old file is left for the new one");

        await using var next = await StartAsync(left.Path);
        Assert.That(await StatusesAsync(next, [token]), Is.All.EqualTo(HttpStatusCode.OK), "as in the backup");
    }

    [Test]
    public async Task The_application_goes_on_with_a_new_log()
    {
        await using var application = await StartAsync();
        using var browser = await application.NewLoggedInBrowserAsync();
        using var other = await application.NewLogInAsync();
        File.Delete(application.DatabaseFile + "-wal");

        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await other.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var another = application.NewBrowser();
        await another.SignUpAsync("eve@example.com");
        Assert.That(File.Exists(application.DatabaseFile + "-wal"), Is.True);
    }

    [Test]
    public async Task A_foreign_log_is_not_used()
    {
        await using var application = await StartAsync();
        using var browser = await application.NewLoggedInBrowserAsync();
        var log = application.DatabaseFile + "-wal";
        File.Delete(log);
        await File.WriteAllTextAsync(log, "somebody's");

        using var logout = await browser.LogOutAsync();
        await logout.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(await File.ReadAllTextAsync(log), Is.EqualTo("somebody's"));

        File.Delete(log);
        using var again = await browser.LogOutAsync();
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task A_log_that_cannot_be_begun_is_tried_each_second()
    {
        await using var application = await StartAsync();
        var browser = (await LogInAsync(application, 1))[0];
        var token = browser.Token;
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        // SQLite follows no link there: the same error as where there are no file handles left.
        var log = application.DatabaseFile + "-wal";
        File.Delete(log);
        File.CreateSymbolicLink(log, Path.Combine(application.Folder, "nowhere"));
        Assert.That(() => AfterASecond(() => application.Logs.Of("OpenStoreFiles").Any(line => line.Contains("SQLite Error 14", StringComparison.Ordinal))), Is.True.After(20_000, 50));
        await Assert.ThrowsAsync<SqliteException>(() => application.Services.GetRequiredService<GroupCommit>().SaveFilesAsync());

        File.Delete(log);
        Assert.That(() => AfterASecond(() => File.Exists(log)), Is.True.After(20_000, 50));
        Assert.That(application.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested, Is.False, "the host goes on");
        using var left = await EndAsync(application, isKilled: true);
        await using var next = await StartAsync(left.Path);
        Assert.That(await StatusesAsync(next, [token]), Is.All.EqualTo(HttpStatusCode.Unauthorized));

        bool AfterASecond(Func<bool> condition)
        {
            application.Time.Advance(TimeSpan.FromSeconds(1));
            return condition();
        }
    }

    private static Task<StockApplication> StartAsync(string? folder = null) => StockApplication.StartAsync(new()
    {
        Folder = folder,
        Services = services => services.AddProblemDetails(),
        Pipeline = application => application.UseExceptionHandler(),
        Map = application => application.MapHealthChecks("/health/ready"),
    });

    private static async Task<List<Browser>> LogInAsync(StockApplication application, int count)
    {
        var browsers = new List<Browser>();
        await application.NewBrowser().SignUpAsync();
        for (var i = 0; i < count; i++)
        {
            browsers.Add(await application.NewLogInAsync());
        }

        return browsers;
    }

    private static async Task<List<HttpStatusCode>> StatusesAsync(StockApplication application, IEnumerable<string> tokens)
    {
        using var browser = application.NewBrowser();
        var statuses = new List<HttpStatusCode>();
        foreach (var token in tokens)
        {
            browser.Cookies["__Host-session"] = token;
            statuses.Add(await browser.MeAsync());
        }

        return statuses;
    }

    // The files that the next one finds.
    private static async Task<TemporaryFolder> EndAsync(StockApplication application, bool isKilled)
    {
        if (!isKilled)
        {
            await application.StopAsync();
        }

        return Crash.Copy(application.Folder);
    }

    private static async Task BackUpAsync(string database, string file)
    {
        await using var connection = new SqliteConnection($"Data Source={database};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "VACUUM INTO @file";
        command.Parameters.AddWithValue("@file", file);
        await command.ExecuteNonQueryAsync();
    }
}
