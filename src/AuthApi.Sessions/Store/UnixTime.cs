namespace AuthApi.Sessions;

/// <summary>Times as the store has them, milliseconds since 1970 in UTC; and sums that stop at the first and the last moment there is, where the framework throws.</summary>
internal static class UnixTime
{
    private static readonly long Min = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    private static readonly long Max = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    public static DateTimeOffset FromMilliseconds(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(milliseconds, Min, Max));

    public static DateTimeOffset AddSaturating(this DateTimeOffset time, TimeSpan span)
    {
        if (span > TimeSpan.Zero)
        {
            return span > DateTimeOffset.MaxValue - time ? DateTimeOffset.MaxValue : time + span;
        }

        return span < DateTimeOffset.MinValue - time ? DateTimeOffset.MinValue : time + span;
    }

    /// <summary>A new id that sorts by time. Version 7 knows no time before 1970.</summary>
    public static Guid NewId(DateTimeOffset now) => Guid.CreateVersion7(now < DateTimeOffset.UnixEpoch ? DateTimeOffset.UnixEpoch : now);
}
