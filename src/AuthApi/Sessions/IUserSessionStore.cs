using System.Security.Claims;
using AuthApi.Audit;
using AuthApi.Storage;

namespace AuthApi.Sessions;

/// <summary>
/// Where sessions are kept. What a method that writes reports is durable when it completes, and its audit entry is in the same
/// transaction. Every method fails with an exception that <see cref="StoreUnavailableException.IsCauseOf"/> recognises when the
/// store is out of reach.
/// </summary>
public interface IUserSessionStore
{
    /// <summary>The session with this token, expired or not, and its user; <see langword="null"/> when there is none. One round trip.</summary>
    Task<StoredSession?> FindAsync(TokenHash tokenHash);

    /// <summary>All the sessions of a user, expired ones that are not cleaned up yet among them.</summary>
    Task<IReadOnlyList<UserSession>> ListAsync(int userId);

    /// <summary>Adds a session. The one that its client had ends, and so do the least recently used of its user beyond the limit.</summary>
    /// <returns>The tokens' hashes of the sessions that ended.</returns>
    Task<IReadOnlyList<TokenHash>> StartAsync(UserSession session, SessionStart start, AuditEntry entry);

    /// <summary>Ends one session, if it has not ended before.</summary>
    /// <returns>The hash of the token that the session had, which may have been renewed since it was read; <see langword="null"/> if it had ended.</returns>
    Task<TokenHash?> EndAsync(UserSession session, AuditEntry entry);

    /// <summary>Ends all the sessions of a user, but for <paramref name="except"/>.</summary>
    /// <returns>The tokens' hashes of the sessions that this call ended.</returns>
    Task<IReadOnlyList<TokenHash>> EndAllAsync(int userId, Guid? except, Func<Guid, AuditEntry> entry);

    /// <summary>Gives a session a new token and a new time of authentication, if it still has the token that it was read with.</summary>
    /// <returns>Whether it had; if not, it has ended or has been renewed meanwhile.</returns>
    Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry);

    /// <summary>Moves the last use of sessions forward. A session that has ended meanwhile stays ended.</summary>
    Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen);

    /// <summary>Deletes the sessions that had expired at <paramref name="now"/>, at most <paramref name="batch"/> in one transaction.</summary>
    /// <returns>The tokens' hashes of those deleted, batch by batch.</returns>
    IAsyncEnumerable<IReadOnlyList<TokenHash>> DeleteExpiredAsync(DateTimeOffset now, int batch);

    /// <summary>How many sessions have not expired at <paramref name="now"/>.</summary>
    Task<int> CountLiveAsync(DateTimeOffset now);
}

/// <summary>A session as it was found, with what its principal is built from.</summary>
public sealed record StoredSession(UserSession Session, ApplicationUser User, IReadOnlyList<string> Roles, IReadOnlyList<Claim> Claims);

/// <summary>What the start of a session does to others.</summary>
/// <param name="Replaces">The session that the client had.</param>
/// <param name="MaxPerUser">How many sessions the user may have, this one among them.</param>
/// <param name="LastUse">The last use of a session that is known, which may be later than its row says.</param>
public sealed record SessionStart(UserSession? Replaces, int MaxPerUser, Func<UserSession, DateTimeOffset> LastUse);

/// <summary>A session's last use, and how long it lives from there.</summary>
public readonly record struct LastSeen(int UserId, Guid SessionId, DateTimeOffset At, DateTimeOffset IdleExpiresAt);
