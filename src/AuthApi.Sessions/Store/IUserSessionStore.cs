using System.Data.Common;

namespace AuthApi.Sessions;

/// <summary>
/// Where sessions and their events are stored. What a writing method returns is durable when it completes, and its events are in the same
/// transaction. Every method fails with an exception that <see cref="IsOutOfReach"/> recognizes when the store is out of reach. The abstract
/// suite <c>UserSessionStoreTests</c> is what every store passes.
/// </summary>
public interface IUserSessionStore
{
    /// <summary>
    /// Whether other processes use the store too. Then no request is answered from memory alone: each cached session is confirmed by
    /// <see cref="ConfirmAsync"/>.
    /// </summary>
    bool IsShared => false;

    /// <summary>
    /// Whether a cached session is still in a shared store, by a read that begins after the call. Calls that wait at the same time may share one.
    /// </summary>
    /// <param name="tokenHash">The token's hash.</param>
    /// <returns>The row's <see cref="UserSession.PrincipalVersion"/>; <see langword="null"/> when there is no such row.</returns>
    Task<int?> ConfirmAsync(TokenHash tokenHash) => throw new NotSupportedException("This store is not shared.");

    /// <summary>The session with this token, expired or not; <see langword="null"/> when there is none. One round trip.</summary>
    Task<UserSession?> FindAsync(TokenHash tokenHash);

    /// <summary>The session of a user that has this id, expired or not; <see langword="null"/> when there is none.</summary>
    Task<UserSession?> FindAsync(string userId, Guid sessionId);

    /// <summary>All sessions of a user, with expired ones that are not cleaned up yet.</summary>
    Task<IReadOnlyList<UserSession>> ListAsync(string userId);

    /// <summary>
    /// Adds a session, and the event <see cref="AuditEvent.SignedIn"/>. Those that it replaces end, and so do the least recently used sessions of
    /// its user beyond the limit. Nothing is written if the user's security stamp is not, or no longer, the one of the sign-in.
    /// </summary>
    /// <returns>
    /// The sessions that ended; <see langword="null"/> if none was started because the user has changed or is gone, or because of
    /// <see cref="SessionStart.MustEnd"/> or <see cref="SessionStart.MustBeFirst"/>.
    /// </returns>
    Task<IReadOnlyList<EndedSession>?> StartAsync(UserSession session, SessionStart start);

    /// <summary>Ends one session, if it has not ended before.</summary>
    /// <param name="userId">The user's id.</param>
    /// <param name="sessionId">The session's id.</param>
    /// <param name="cause">Why.</param>
    /// <param name="at">When.</param>
    /// <param name="onlyExpired">Whether to end it only if its row says that it has expired at <paramref name="at"/>.</param>
    /// <returns>What ended; <see langword="null"/> if there was no such session of this user.</returns>
    Task<EndedSession?> EndAsync(string userId, Guid sessionId, SessionEnd cause, DateTimeOffset at, bool onlyExpired = false);

    /// <summary>Ends all sessions of a user in one transaction, but for <paramref name="except"/>.</summary>
    /// <returns>The sessions that ended.</returns>
    Task<IReadOnlyList<EndedSession>> EndAllAsync(string userId, SessionEnd cause, DateTimeOffset at, Guid? except);

    /// <summary>
    /// Ends all sessions of a user, but for <paramref name="except"/>, in a transaction of the application's context, which is about to be committed: the one
    /// that changes the user's security stamp.
    /// </summary>
    /// <returns>The sessions that end with the commit.</returns>
    Task<IReadOnlyList<EndedSession>> EndAllAsync(
        DbConnection connection, DbTransaction? transaction, string userId, SessionEnd cause, DateTimeOffset at, Guid? except);

    /// <summary>
    /// Raises <see cref="UserSession.PrincipalVersion"/> of a user's sessions, or of everybody's where <paramref name="userId"/> is
    /// <see langword="null"/>, in a transaction of the application's context: the one that changes what principals are made of.
    /// </summary>
    Task RaisePrincipalVersionAsync(DbConnection connection, DbTransaction? transaction, string? userId);

    /// <summary>The same in a transaction of the store's own.</summary>
    /// <param name="userId">The user's id; <see langword="null"/> for everybody.</param>
    Task RaisePrincipalVersionAsync(string? userId);

    /// <summary>Gives a session a new token and a new time of authentication, if it still has the token that it was read with.</summary>
    /// <param name="session">The session as it was read, with the <see cref="UserSession.AuthenticationMethods"/> that it has from now on.</param>
    /// <param name="tokenHash">The hash of the new token.</param>
    /// <param name="authenticatedAt">When the user has authenticated.</param>
    /// <param name="entry">The event.</param>
    /// <returns>Whether it had; if not, it has ended or has been renewed meanwhile.</returns>
    Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry);

    /// <summary>Moves the last use of sessions forward. A session that has ended meanwhile stays ended.</summary>
    Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen);

    /// <summary>Deletes the sessions that had expired at <paramref name="now"/>, at most <paramref name="batch"/> in one transaction.</summary>
    /// <returns>The sessions that ended, batch by batch.</returns>
    IAsyncEnumerable<IReadOnlyList<EndedSession>> DeleteExpiredAsync(DateTimeOffset now, int batch);

    /// <summary>The number of sessions that have not expired at <paramref name="now"/>.</summary>
    Task<int> CountLiveAsync(DateTimeOffset now);

    /// <summary>A user's events, the latest first.</summary>
    /// <param name="userId">The user's id.</param>
    /// <param name="before">Only events with a smaller id.</param>
    /// <param name="limit">The maximum number.</param>
    Task<IReadOnlyList<AuditEntry>> ListEventsAsync(string userId, long before, int limit);

    /// <summary>Whether the session with this id was ever started for this user, as its events show.</summary>
    Task<bool> WasStartedAsync(string userId, Guid sessionId);

    /// <summary>When the latest event was written, by the clock of then; <see langword="null"/> when there is none.</summary>
    Task<DateTimeOffset?> LastEventAtAsync();

    /// <summary>Deletes events older than <paramref name="before"/>, <paramref name="limit"/> at most.</summary>
    /// <returns>The number of deleted events.</returns>
    Task<int> DeleteEventsAsync(DateTimeOffset before, int limit);

    /// <summary>Reads and writes as requests do, and commits; fails where they would.</summary>
    Task ProbeAsync();

    /// <summary>
    /// Whether an exception, or what caused it, says that the store is out of reach, as opposed to having refused a row (a constraint) or having
    /// been sent a wrong statement. It may come from the application's own context on the same database.
    /// </summary>
    bool IsOutOfReach(Exception? exception);
}

/// <summary>What the start of a session does to others.</summary>
/// <param name="Replaces">The sessions whose tokens came with the request that starts this one.</param>
/// <param name="MaxPerUser">How many sessions the user may have, this one among them.</param>
/// <param name="LastUses">Last uses of the user's sessions, by session id, that may be later than the rows say.</param>
/// <param name="SecurityStamp">The user's security stamp at the sign-in; <see langword="null"/> where the users have none, and it is not compared.</param>
public sealed record SessionStart(
    IReadOnlyList<UserSession> Replaces, int MaxPerUser, IReadOnlyDictionary<Guid, DateTimeOffset> LastUses, string? SecurityStamp)
{
    /// <summary>
    /// One of <see cref="Replaces"/> that must be there still: a refresh of a session that has ended meanwhile starts nothing.
    /// </summary>
    public Guid? MustEnd { get; init; }

    /// <summary>Whether nothing is started if a session with this id was ever started for this user, as its events show.</summary>
    public bool MustBeFirst { get; init; }

    /// <summary>The last use of a session that is known: by its row, or by the process that served it.</summary>
    /// <param name="session">A session of the user.</param>
    public DateTimeOffset LastUseOf(UserSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        return LastUses.TryGetValue(session.Id, out var known) && known > session.LastSeenAt ? known : session.LastSeenAt;
    }
}

/// <summary>A session's last use.</summary>
/// <param name="UserId">The user's id.</param>
/// <param name="SessionId">The session's public id.</param>
/// <param name="At">When it was used.</param>
/// <param name="IdleExpiresAt">When the session expires if it is not used again.</param>
/// <param name="Client">The client that used it.</param>
public readonly record struct LastSeen(string UserId, Guid SessionId, DateTimeOffset At, DateTimeOffset IdleExpiresAt, ClientInfo Client);
