using System.Collections.ObjectModel;
using System.Security.Claims;
using AuthApi.Api;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Sessions;

/// <summary>
/// A live session at hand: its row, the principal that Identity's claims factory built for it, and its last use to the second.
/// One instance serves many requests at once, so nothing in it but the last use ever changes.
/// </summary>
public sealed class CachedSession
{
    // One for all, and so not to be written to. Each of its own would cost as much memory as the session's row.
    private static readonly AuthenticationProperties NoProperties = new(ReadOnlyDictionary<string, string?>.Empty, ReadOnlyDictionary<string, object?>.Empty);

    private readonly SessionResponse _response;
    private long _lastSeenAt;

    /// <param name="session">The row.</param>
    /// <param name="principal">Who it is. Shared by all the session's requests: not to be changed.</param>
    /// <param name="lastSeenAt">The last use, which may be later than the row knows.</param>
    /// <param name="readAt">When, by the cache's clock, the reading of all this began.</param>
    internal CachedSession(UserSession session, ClaimsPrincipal principal, DateTimeOffset lastSeenAt, long readAt)
    {
        Session = session;
        ReadAt = readAt;
        _response = SessionResponse.From(session, lastSeenAt, session.IdleExpiresAt, isCurrent: true);
        _lastSeenAt = lastSeenAt.ToUnixTimeMilliseconds();

        Authentication = Task.FromResult(AuthenticateResult.Success(
            new AuthenticationTicket(new SessionPrincipal(principal, this), NoProperties, IdentityConstants.ApplicationScheme)));
    }

    public UserSession Session { get; }

    /// <summary>The last use that this process knows of.</summary>
    public DateTimeOffset LastSeenAt => DateTimeOffset.FromUnixTimeMilliseconds(Volatile.Read(ref _lastSeenAt));

    /// <summary>When the session ends if it is not used again.</summary>
    public DateTimeOffset ExpiresAt => Session.IdleExpiresAtFrom(LastSeenAt);

    /// <summary>The session as its owner may see it, in a request of its own.</summary>
    public SessionResponse ToResponse() => _response with { LastSeenAt = LastSeenAt, ExpiresAt = ExpiresAt };

    /// <summary>What authenticates each of its requests.</summary>
    internal Task<AuthenticateResult> Authentication { get; }

    internal long ReadAt { get; }

    internal static CachedSession? Of(AuthenticateResult? result) => (result?.Principal as SessionPrincipal)?.Session;

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

    /// <summary>What leads from a request's user back to its session.</summary>
    private sealed class SessionPrincipal(ClaimsPrincipal principal, CachedSession session) : KnownUser(principal, session.Session.UserId)
    {
        public CachedSession Session => session;
    }
}
