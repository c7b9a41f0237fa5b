namespace AuthApi.Security;

/// <summary>Says when something may be logged again, so that a flood of refusals is not a flood of log lines as well.</summary>
internal sealed class LogThrottle(TimeProvider time)
{
    private long _last = long.MinValue;

    /// <summary>Whether it was not due for a minute; the caller that hears yes is the only one to hear it.</summary>
    public bool IsDue()
    {
        var (now, last) = (time.GetTimestamp(), Interlocked.Read(ref _last));
        return (last == long.MinValue || time.GetElapsedTime(last, now) >= TimeSpan.FromMinutes(1))
            && Interlocked.CompareExchange(ref _last, now, last) == last;
    }
}
