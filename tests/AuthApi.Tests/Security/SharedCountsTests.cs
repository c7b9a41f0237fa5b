using System.Net;
using AuthApi.Security;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Security;

/// <summary>The counts that two nodes on one PostgreSQL database have together.</summary>
internal sealed class SharedCountsTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private AuthApiApplication _first = null!;
    private AuthApiApplication _second = null!;

    [SetUp]
    public void SetUp()
    {
        _first = new AuthApiApplication(settings: Settings(), store: TestedStore.PostgreSql);
        _first.StartServer();
        var settings = Settings();
        settings["ConnectionStrings:Auth"] = _first.Services.GetRequiredService<PostgreSqlStorage>().ConnectionString;
        _second = new AuthApiApplication(settings: settings, store: TestedStore.PostgreSql);
        _second.StartServer();
    }

    [TearDown]
    public async Task TearDown()
    {
        if (_second is not null)
        {
            await _second.DisposeAsync();
            await _first.DisposeAsync();
        }
    }

    [Test]
    public async Task Tries_of_a_password_count_on_all_nodes()
    {
        using var browser = await _first.NewLoggedInBrowserAsync();
        for (var tried = 1; tried < 10; tried++)
        {
            using var guesser = (tried % 2 == 0 ? _first : _second).NewBrowser();
            using var guess = await GuessAsync(guesser);
            await guess.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        }

        foreach (var node in new[] { _first, _second })
        {
            using var refused = await GuessAsync(node.NewBrowser());
            await refused.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
            Assert.That(refused.Headers.RetryAfter!.Delta, Is.InRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(6)));
        }

        await PassAsync(TimeSpan.FromSeconds(6));
        using var again = await GuessAsync(_second.NewBrowser());
        await again.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        using var last = await GuessAsync(_second.NewBrowser());
        await last.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Registrations_count_on_all_nodes()
    {
        using var browser = _first.NewBrowser();
        await browser.RegisterAsync("one@example.com");
        using var invalid = await browser.PostAsync("/register/", new { email = "two@example.com", password = "short" });
        await invalid.ShouldBeInvalidAsync("password");
        Assert.That(() => TakenAsync("registrations").Result, Is.EqualTo(1).After(10_000, 20), "a refused one is put back");
        using var other = _second.NewBrowser();
        await other.RegisterAsync("two@example.com");

        using var refused = await browser.PostAsync("/register/", new { email = "three@example.com", password = Browser.Password });

        await refused.ShouldBeProblemAsync(HttpStatusCode.TooManyRequests, "too_many_requests");
        Assert.That(refused.Headers.RetryAfter!.Delta, Is.InRange(TimeSpan.FromMinutes(29), TimeSpan.FromMinutes(30)));
        Assert.That(await TakenAsync("registration attempts"), Is.EqualTo(3), "what is refused takes nothing");
    }

    [Test]
    public async Task A_registration_that_fails_to_be_counted_is_put_back()
    {
        await _first.QueryAsync(context => context.Database.ExecuteSqlAsync($"""ALTER TABLE "RateLimits" RENAME TO "Away" """));
        foreach (var email in new[] { "one@example.com", "two@example.com" })
        {
            using var failed = await _first.NewBrowser().PostAsync("/register/", new { email, password = Browser.Password });
            Assert.That(failed.StatusCode, Is.GreaterThanOrEqualTo(HttpStatusCode.InternalServerError));
        }

        await _first.QueryAsync(context => context.Database.ExecuteSqlAsync($"""ALTER TABLE "Away" RENAME TO "RateLimits" """));
        await _first.NewBrowser().RegisterAsync("three@example.com");
    }

    [Test]
    public async Task A_login_that_fails_to_be_counted_is_put_back()
    {
        await _first.NewBrowser().RegisterAsync();
        await _first.QueryAsync(context => context.Database.ExecuteSqlAsync($"""ALTER TABLE "RateLimits" RENAME TO "Away" """));
        for (var i = 0; i < 10; i++)
        {
            using var failed = await GuessAsync(_first.NewBrowser());
            Assert.That(failed.StatusCode, Is.GreaterThanOrEqualTo(HttpStatusCode.InternalServerError));
        }

        await _first.QueryAsync(context => context.Database.ExecuteSqlAsync($"""ALTER TABLE "Away" RENAME TO "RateLimits" """));
        await _first.NewBrowser().LogInAsync();
    }

    [TestCase("192.0.2.1", 10)]
    [TestCase("2001:db8::1", 10)]
    public async Task Of_many_at_once_no_more_than_the_limit_pass(string address, int passed)
    {
        SharedBucket[] buckets = [.. SharedBucket.Of("tests", CountedClient.Of(IPAddress.Parse(address)), 10, Minute)];

        var taken = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => CountsOf(i % 2 == 0 ? _first : _second).TryTakeAsync(buckets, Minute)));

        // A few of those at once can refill one that none of them has.
        Assert.That(taken.Count(retryAfter => retryAfter is null), Is.InRange(passed, passed + 1));
        Assert.That(taken.OfType<TimeSpan>(), Is.All.InRange(TimeSpan.Zero, Minute));
    }

    [Test]
    public async Task An_ipv6_network_has_counts_of_its_own()
    {
        // 4 of one /56, each of another /64, where one of these may take 1.
        var taken = 0;
        for (var i = 0; i < 6; i++)
        {
            var client = CountedClient.Of(IPAddress.Parse($"2001:db8:0:{i:x}::1"));
            taken += await CountsOf(_first).TryTakeAsync([.. SharedBucket.Of("tests", client, 1, TimeSpan.FromHours(1))], TimeSpan.FromHours(1)) is null ? 1 : 0;
        }

        Assert.That(taken, Is.EqualTo(4));
        Assert.That(await _first.QueryAsync(context => context.Database.SqlQuery<int>(
            $"""SELECT count(*)::int AS "Value" FROM "RateLimits" WHERE "FullAt" > now()""").SingleAsync()), Is.EqualTo(6), "4 of /64, 1 of /56, 1 of /48");
    }

    [Test]
    public async Task A_bucket_of_a_clock_that_was_ahead_is_full()
    {
        SharedBucket[] buckets = [new("tests", Minute)];
        await CountsOf(_first).TryTakeAsync(buckets, Minute);
        await PassAsync(TimeSpan.FromDays(-1));

        Assert.That(await CountsOf(_first).TryTakeAsync(buckets, Minute), Is.Null);
        Assert.That(await CountsOf(_first).TryTakeAsync(buckets, Minute), Is.EqualTo(Minute).Within(TimeSpan.FromSeconds(20)));
    }

    [Test]
    public async Task Full_buckets_are_deleted()
    {
        await CountsOf(_first).TryTakeAsync([new("old", Minute)], Minute);
        await PassAsync(Minute);
        await CountsOf(_first).TryTakeAsync([new("new", Minute)], Minute);

        await CountsOf(_second).SweepAsync();

        Assert.That(await _first.QueryAsync(context => context.Database.SqlQuery<string>($"""SELECT "Key" AS "Value" FROM "RateLimits" """).ToListAsync()), Is.EqualTo(new[] { "new" }));
    }

    private static Dictionary<string, string?> Settings() => new() { ["RateLimiting:Enabled"] = "true", ["RateLimiting:RegistrationsPerHour"] = "2" };

    private static SharedCounts CountsOf(AuthApiApplication node) => node.Services.GetRequiredService<SharedCounts>();

    private static Task<HttpResponseMessage> GuessAsync(Browser browser) => browser.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });

    // As if so much time had passed: the clock is the server's, and this node's own counts are by a clock that tests set.
    private async Task PassAsync(TimeSpan time)
    {
        if (time > TimeSpan.Zero)
        {
            _first.Time.Advance(time);
            _second.Time.Advance(time);
        }

        await _first.QueryAsync(context => context.Database.ExecuteSqlAsync($"""UPDATE "RateLimits" SET "FullAt" = "FullAt" - {time}"""));
    }

    private Task<int> TakenAsync(string count) => _first.QueryAsync(context => context.Database.SqlQuery<int>(
        $"""
        SELECT round(extract(epoch FROM "FullAt" - now()) / 3600 * CASE WHEN "Key" LIKE 'registrations%' THEN 2 ELSE 200 END)::int AS "Value"
        FROM "RateLimits" WHERE "Key" LIKE {count + " %"}
        """).SingleAsync());
}
