using System.Security.Claims;

namespace AuthApi.Sessions;

/// <summary>
/// A cached session: its row, the principal that Identity's claims factory built for it, and its last use to the second.
/// One instance serves many requests at once, so nothing in it but the last use ever changes.
/// </summary>
public sealed class CachedSession
{
    private readonly SessionResponse _response;
    private long _lastSeenAt;

    /// <param name="session">The row.</param>
    /// <param name="principal">The user. All requests of the session share it, so nothing may change it.</param>
    /// <param name="lastSeenAt">The last use, which may be later than the row knows.</param>
    /// <param name="readAt">When, by the cache's clock, the reading of all this began.</param>
    internal CachedSession(UserSession session, ClaimsPrincipal principal, DateTimeOffset lastSeenAt, long readAt)
    {
        Session = session;
        Principal = principal;
        ReadAt = readAt;
        _response = SessionResponse.From(session, lastSeenAt, session.IdleExpiresAt, isCurrent: true);
        _lastSeenAt = lastSeenAt.ToUnixTimeMilliseconds();
    }

    public UserSession Session { get; }

    /// <summary>The last use that this process knows of.</summary>
    public DateTimeOffset LastSeenAt => DateTimeOffset.FromUnixTimeMilliseconds(Volatile.Read(ref _lastSeenAt));

    /// <summary>When the session ends if it is not used again.</summary>
    public DateTimeOffset ExpiresAt => Session.IdleExpiresAtFrom(LastSeenAt);

    /// <summary>The session as its owner may see it, in a request of its own.</summary>
    public SessionResponse ToResponse() => _response with { LastSeenAt = LastSeenAt, ExpiresAt = ExpiresAt };

    /// <summary>The user, for all requests of the session.</summary>
    internal ClaimsPrincipal Principal { get; }

    internal long ReadAt { get; }

    internal bool IsExpired(DateTimeOffset now) => ExpiresAt <= now;

    /// <summary>Notes a use.</summary>
    /// <returns>What is new to the store, or <see langword="null"/> when this second's use, or a later one, is known.</returns>
    internal LastSeen? Touch(DateTimeOffset now)
    {
        var at = now.ToUnixTimeMilliseconds();
        var known = Volatile.Read(ref _lastSeenAt);
        if (at < known + 1000 || Interlocked.CompareExchange(ref _lastSeenAt, at, known) != known)
        {
            return null;
        }

        var seenAt = DateTimeOffset.FromUnixTimeMilliseconds(at);
        return new LastSeen(Session.UserId, Session.Id, seenAt, Session.IdleExpiresAtFrom(seenAt));
    }
}
