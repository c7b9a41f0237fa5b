using Microsoft.Extensions.Logging;

namespace AuthApi.Sessions;

/// <summary>
/// The time as of which old rows may be deleted. It is the clock's, unless the clock has jumped ahead: of what a wrong clock calls expired, nothing can be brought back. Then
/// the time goes on from before the jump, until the clock has kept to the new time for a day.
/// </summary>
/// <remarks>
/// A jump shows against the time that the process has run, and at its start against the last audit entry. A machine that was off for more than a day looks the same: what expired meanwhile
/// is deleted a day later, and refused all along.
/// </remarks>
internal sealed partial class CleanupClock(IUserSessionStore store, TimeProvider time, ILogger<CleanupClock> logger)
{
    private static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan MaxPause = TimeSpan.FromDays(1);
    private static readonly TimeSpan Confirmation = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private volatile bool _isStarted;
    private DateTimeOffset _trusted;
    private long _trustedAt;
    private long? _jumpedAt;

    public async Task<DateTimeOffset> GetUtcNowAsync()
    {
        var last = _isStarted ? null : await store.LastEventAtAsync();
        lock (_lock)
        {
            return GetUtcNow(last);
        }
    }

    private DateTimeOffset GetUtcNow(DateTimeOffset? last)
    {
        var (now, timestamp) = (time.GetUtcNow(), time.GetTimestamp());
        if (!_isStarted)
        {
            (_trusted, _trustedAt, _isStarted) = (last is { } at && now - at > MaxPause ? at + MaxPause : now, timestamp, true);
        }

        var expected = _trusted.AddSaturating(time.GetElapsedTime(_trustedAt, timestamp));
        var isConfirmed = _jumpedAt is { } jumpedAt && time.GetElapsedTime(jumpedAt, timestamp) >= Confirmation;
        if (now - expected <= Tolerance || isConfirmed)
        {
            (_trusted, _trustedAt, _jumpedAt) = (now, timestamp, null);
            return now;
        }

        if (_jumpedAt is null)
        {
            _jumpedAt = timestamp;
            Log.ClockJumped(logger, now, expected);
        }

        return expected;
    }

    private static partial class Log
    {
        [LoggerMessage(302, LogLevel.Warning, "The clock says {Now}, where {Expected} was expected. Old rows are deleted as of the expected time until the clock has kept to its own for a day.")]
        public static partial void ClockJumped(ILogger logger, DateTimeOffset now, DateTimeOffset expected);
    }
}
