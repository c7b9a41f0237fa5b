namespace AuthApi.Sessions;

/// <summary>Decides when a repeated event may be logged again, so that a flood of events is not a flood of log lines.</summary>
internal sealed class LogThrottle(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private long _last = long.MinValue;
    private long _suppressed;

    /// <summary>Whether the last line is a minute old. Of concurrent callers one gets <see langword="true"/>.</summary>
    public bool IsDue() => IsDue(out _);

    /// <summary>Whether the last line is a minute old. Of concurrent callers one gets <see langword="true"/>.</summary>
    /// <param name="suppressed">How many calls since the last line returned <see langword="false"/>.</param>
    public bool IsDue(out long suppressed)
    {
        var (now, last) = (time.GetTimestamp(), Interlocked.Read(ref _last));
        if ((last == long.MinValue || time.GetElapsedTime(last, now) >= Interval)
            && Interlocked.CompareExchange(ref _last, now, last) == last)
        {
            suppressed = Interlocked.Exchange(ref _suppressed, 0);
            return true;
        }

        suppressed = 0;
        Interlocked.Increment(ref _suppressed);
        return false;
    }
}
