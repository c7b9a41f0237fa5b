namespace AuthApi.Sessions.Tests;

internal sealed class UnixTimeTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Test]
    public void Sums_stop_at_the_ends_of_time()
    {
        Assert.That(DateTimeOffset.MaxValue.AddSaturating(Day), Is.EqualTo(DateTimeOffset.MaxValue));
        Assert.That((DateTimeOffset.MaxValue - (Day / 2)).AddSaturating(Day), Is.EqualTo(DateTimeOffset.MaxValue));
        Assert.That(DateTimeOffset.MinValue.AddSaturating(-Day), Is.EqualTo(DateTimeOffset.MinValue));
        Assert.That(DateTimeOffset.UnixEpoch.AddSaturating(Day), Is.EqualTo(DateTimeOffset.UnixEpoch + Day));
        Assert.That(DateTimeOffset.UnixEpoch.AddSaturating(-Day), Is.EqualTo(DateTimeOffset.UnixEpoch - Day));
    }

    [TestCase(long.MaxValue)]
    [TestCase(long.MinValue)]
    public void Stored_times_beyond_the_calendar_are_read(long milliseconds)
    {
        Assert.That(UnixTime.FromMilliseconds(milliseconds).Year, Is.EqualTo(milliseconds > 0 ? 9999 : 1));
    }

    [Test]
    public void Ids_are_made_before_1970_too()
    {
        Assert.That(UnixTime.NewId(DateTimeOffset.UnixEpoch.AddYears(-10)).Version, Is.EqualTo(7));
    }
}
