using System.Security.Claims;
using AuthApi.Audit;
using AuthApi.Storage;

namespace AuthApi.Sessions;

/// <summary>
/// Where sessions are stored. What a writing method returns is durable when it completes, and its audit entries are in the same
/// transaction. Every method fails with an exception that <see cref="StoreUnavailableException.IsCauseOf"/> recognises when the
/// store is out of reach.
/// </summary>
public interface IUserSessionStore
{
    /// <summary>The session with this token, expired or not, and its user; <see langword="null"/> when there is none. One round trip.</summary>
    Task<StoredSession?> FindAsync(TokenHash tokenHash);

    /// <summary>All sessions of a user, with expired ones that are not cleaned up yet.</summary>
    Task<IReadOnlyList<UserSession>> ListAsync(int userId);

    /// <summary>Adds a session. Those that it replaces end, and so do the least recently used sessions of its user beyond the limit.</summary>
    /// <returns>The sessions that ended.</returns>
    Task<IReadOnlyList<EndedSession>> StartAsync(UserSession session, SessionStart start);

    /// <summary>Ends one session, if it has not ended before.</summary>
    /// <returns>What ended; <see langword="null"/> if there was no such session of this user.</returns>
    Task<EndedSession?> EndAsync(int userId, Guid sessionId, SessionEnd cause, DateTimeOffset at);

    /// <summary>Ends all sessions of a user in one transaction, but for <paramref name="except"/>.</summary>
    /// <returns>The sessions that ended.</returns>
    Task<IReadOnlyList<EndedSession>> EndAllAsync(int userId, SessionEnd cause, DateTimeOffset at, Guid? except = null);

    /// <summary>Gives a session a new token and a new time of authentication, if it still has the token that it was read with.</summary>
    /// <returns>Whether it had; if not, it has ended or has been renewed meanwhile.</returns>
    Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry);

    /// <summary>Moves the last use of sessions forward. A session that has ended meanwhile stays ended.</summary>
    Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen);

    /// <summary>Deletes the sessions that had expired at <paramref name="now"/>, at most <paramref name="batch"/> in one transaction.</summary>
    /// <returns>The sessions that ended, batch by batch.</returns>
    IAsyncEnumerable<IReadOnlyList<EndedSession>> DeleteExpiredAsync(DateTimeOffset now, int batch);

    /// <summary>The number of sessions that have not expired at <paramref name="now"/>.</summary>
    Task<int> CountLiveAsync(DateTimeOffset now);
}

/// <summary>A session as it was found, with what its principal is built from.</summary>
public sealed record StoredSession(UserSession Session, ApplicationUser User, IReadOnlyList<string> Roles, IReadOnlyList<Claim> Claims);

/// <summary>What the start of a session does to others.</summary>
/// <param name="Replaces">The sessions whose tokens came with the request that starts this one.</param>
/// <param name="MaxPerUser">How many sessions the user may have, this one among them.</param>
/// <param name="LastUses">Last uses of the user's sessions, by session id, that may be later than the rows say.</param>
public sealed record SessionStart(IReadOnlyList<UserSession> Replaces, int MaxPerUser, IReadOnlyDictionary<Guid, DateTimeOffset> LastUses)
{
    /// <summary>The last use of a session that is known: by its row, or by the process that served it.</summary>
    internal DateTimeOffset LastUseOf(UserSession session) =>
        LastUses.TryGetValue(session.Id, out var known) && known > session.LastSeenAt ? known : session.LastSeenAt;
}

/// <summary>A session's last use, and how long it lives from there.</summary>
public readonly record struct LastSeen(int UserId, Guid SessionId, DateTimeOffset At, DateTimeOffset IdleExpiresAt);
