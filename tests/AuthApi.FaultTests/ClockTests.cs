using System.Globalization;
using System.Net;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>The machine's clock is set while the program serves, by libfaketime: nothing that has ended comes back.</summary>
[TestFixture(StoreKind.Sqlite)]
[TestFixture(StoreKind.PostgreSql)]
internal sealed class ClockTests(StoreKind kind)
{
    private static readonly string? Library = Directory.Exists("/usr/lib")
        ? Directory.GetDirectories("/usr/lib", "*-linux-gnu*").Select(folder => Path.Combine(folder, "faketime", "libfaketime.so.1")).FirstOrDefault(File.Exists)
        : null;

    private static readonly string[] Settings = ["+1h", "-1h", "+1d", "-1d", "@1970-01-02 00:00:00", "@2100-01-01 00:00:00", "+0"];

    [OneTimeSetUp]
    public void SetUp()
    {
        if (Library is null)
        {
            Needs.Missing("libfaketime (Debian's package faketime)");
        }
    }

    [Test]
    public async Task Nothing_ended_comes_back_and_logins_work_at_any_time()
    {
        await using var database = await Database.CreateAsync(kind);
        using var ledger = new Ledger(database.Folder);
        var clock = Path.Combine(database.Folder, "clock");
        await File.WriteAllTextAsync(clock, "+0");
        await using var program = await StartAsync(database, clock);

        // With several nodes, the clock of one of them.
        await using var other = kind == StoreKind.PostgreSql ? await database.StartAsync() : null;
        Uri[] nodes = other is null ? [program.Address] : [program.Address, other.Address];
        using var load = new Load(program.Address, ledger);
        using var browser = program.NewBrowser();
        var user = await browser.RegisterAsync();
        var ended = new List<string>();
        foreach (var setting in Settings)
        {
            await LogOutAsync();
            await SetAsync(program, clock, setting);
            await LogOutAsync();
            await LogInAndOutAsync(browser, setting);
            await ShouldAllBeRefusedAsync();
        }

        async Task LogOutAsync()
        {
            foreach (var token in await database.InsertSessionsAsync(user, 20))
            {
                if (await load.EndAsync(token, HttpMethod.Post, "/logout/") == HttpStatusCode.OK)
                {
                    ended.Add(token);
                }
            }
        }

        async Task ShouldAllBeRefusedAsync()
        {
            foreach (var node in nodes)
            {
                using var client = new Load(node, ledger);
                foreach (var token in ended)
                {
                    using var response = await client.SendAsync(token, HttpMethod.Get, "/me/");
                    Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
                }
            }
        }

        Assert.That(ended, Has.Count.GreaterThan(20 * Settings.Length));
        await database.CheckAsync();
    }

    private static async Task LogInAndOutAsync(Browser browser, string setting)
    {
        await browser.LogInAsync();
        using var copy = browser.Copy();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK), setting);
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK), setting);
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), setting);
    }

    // Sets the clock and waits until the server's "Date" follows. The file is replaced as a whole: the library ends a process that reads half a time.
    private static async Task SetAsync(RunningProgram program, string clock, string setting)
    {
        await File.WriteAllTextAsync(clock + ".new", setting);
        File.Move(clock + ".new", clock, overwrite: true);
        var expected = setting switch
        {
            "+1h" => Now().AddHours(1),
            "-1h" => Now().AddHours(-1),
            "+1d" => Now().AddDays(1),
            "-1d" => Now().AddDays(-1),
            "+0" => Now(),
            _ => DateTimeOffset.Parse(setting.TrimStart('@'), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal),
        };
        using var client = new HttpClient { BaseAddress = program.Address };
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            using var live = await client.GetAsync("/health/live", patience.Token);
            if (live.Headers.Date is { } date && (date - expected).Duration() < TimeSpan.FromMinutes(10))
            {
                return;
            }

            await Task.Delay(50, patience.Token);
        }

        static DateTimeOffset Now() => TimeProvider.System.GetUtcNow();
    }

    private static Task<RunningProgram> StartAsync(Database database, string clock) => RunningProgram.StartAsync(
        database.Folder,
        new Launch(Environment: new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = Library!,
            ["FAKETIME_TIMESTAMP_FILE"] = clock,
            ["FAKETIME_CACHE_DURATION"] = "1",
            ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
        }),
        database.Settings);
}
