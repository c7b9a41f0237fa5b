using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>A clock that is wrong for a while deletes nothing for good.</summary>
internal sealed class CleanupClockTests
{
    private StockApplication _application = null!;
    private CleanupClock _clock = null!;
    private WrongClock _time = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = await StockApplication.StartAsync(new() { Clock = right => _time = new WrongClock(right) });
        _clock = _application.Services.GetRequiredService<CleanupClock>();
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task It_follows_a_clock_that_runs()
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.That(await _clock.GetUtcNowAsync(), Is.EqualTo(_time.GetUtcNow()));
            _application.Time.Advance(TimeSpan.FromHours(1));
        }
    }

    [Test]
    public async Task It_follows_a_clock_that_is_set_back()
    {
        await _clock.GetUtcNowAsync();
        _time.Error = TimeSpan.FromDays(-365);

        Assert.That(await _clock.GetUtcNowAsync(), Is.EqualTo(_time.GetUtcNow()));
    }

    [Test]
    public async Task It_does_not_follow_a_jump_and_a_clock_that_is_mended()
    {
        var before = await _clock.GetUtcNowAsync();
        _time.Error = TimeSpan.FromDays(25_000);
        Assert.That(await _clock.GetUtcNowAsync(), Is.EqualTo(before));

        _application.Time.Advance(TimeSpan.FromHours(23));
        Assert.That(await _clock.GetUtcNowAsync(), Is.EqualTo(before.AddHours(23)));

        _time.Error = TimeSpan.Zero;
        Assert.That(await _clock.GetUtcNowAsync(), Is.EqualTo(before.AddHours(23)));
    }

    [Test]
    public async Task It_follows_a_jump_that_stays_for_a_day()
    {
        var before = await _clock.GetUtcNowAsync();
        _time.Error = TimeSpan.FromDays(400);
        await _clock.GetUtcNowAsync();
        _application.Time.Advance(TimeSpan.FromDays(1));

        Assert.That(await _clock.GetUtcNowAsync(), Is.EqualTo(before.AddDays(401)));
    }

    [Test]
    public async Task A_clock_that_is_ahead_at_the_start_deletes_nothing()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        var before = _application.Time.GetUtcNow();
        _time.Error = TimeSpan.FromDays(25_000);
        var started = ActivatorUtilities.CreateInstance<CleanupClock>(_application.Services);

        Assert.That(await started.GetUtcNowAsync(), Is.EqualTo(before.AddDays(1)));
    }

    [Test]
    public async Task Sessions_and_entries_outlive_a_clock_that_is_ahead()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        await _clock.GetUtcNowAsync();
        _time.Error = TimeSpan.FromDays(365);
        await _application.Services.GetRequiredService<UserSessionManager>().CleanUpAsync(CancellationToken.None);
        await _application.Services.GetRequiredService<AuditRetention>().DeleteOldAsync(CancellationToken.None);
        _time.Error = TimeSpan.Zero;

        Assert.That(await _application.EventsAsync(await _application.UserIdAsync()), Is.EqualTo(new[] { AuditEvent.SignedIn }));
        Assert.That(await browser.MeAsync(), Is.EqualTo(System.Net.HttpStatusCode.OK));
    }

    /// <summary>A clock that somebody sets, on a machine that counts the time that it has run.</summary>
    private sealed class WrongClock(TimeProvider right) : TimeProvider
    {
        public TimeSpan Error { get; set; }

        public override long TimestampFrequency => right.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => right.GetUtcNow() + Error;

        public override long GetTimestamp() => right.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => right.CreateTimer(callback, state, dueTime, period);
    }
}
