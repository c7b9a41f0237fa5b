using AuthApi.Audit;

namespace AuthApi.Sessions;

/// <summary>
/// Where sessions are kept. What a method that writes reports is durable when it completes. Every method fails with an exception
/// that <see cref="Storage.StoreUnavailableException.IsCauseOf"/> recognises when the store is out of reach.
/// </summary>
public interface IUserSessionStore
{
    /// <summary>The session with this token, expired or not; <see langword="null"/> when there is none.</summary>
    Task<UserSession?> FindAsync(TokenHash tokenHash);

    /// <summary>Adds a session and ends the one it <paramref name="replaces"/>, in one transaction.</summary>
    Task StartAsync(UserSession session, UserSession? replaces, AuditEntry started, AuditEntry? replaced);

    /// <summary>Ends a session, and writes <paramref name="entry"/> in the same transaction if it was not ended before.</summary>
    /// <returns>Whether this call ended it.</returns>
    Task<bool> EndAsync(Guid sessionId, AuditEntry entry);

    /// <summary>Moves the last use of sessions forward. A session that has ended meanwhile stays ended.</summary>
    Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen);

    /// <summary>Deletes sessions that had expired at <paramref name="now"/>, <paramref name="limit"/> at most.</summary>
    /// <returns>The tokens' hashes of those deleted.</returns>
    Task<IReadOnlyList<TokenHash>> DeleteExpiredAsync(DateTimeOffset now, int limit);
}

/// <summary>A session's last use, and how long it lives from there.</summary>
public readonly record struct LastSeen(Guid SessionId, DateTimeOffset At, DateTimeOffset IdleExpiresAt);
