using System.Globalization;
using System.Security.Claims;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Starts, finds, renews and ends sessions, with the store and the cache in the order that makes an end final: durable in the
/// store, then evicted from the cache, then returned.
/// </summary>
public sealed partial class UserSessionManager(
    IUserSessionStore store,
    SessionCache cache,
    SessionMetrics metrics,
    LastSeenTracker lastSeen,
    ISessionPrincipalFactory principals,
    IOptions<UserSessionOptions> options,
    TimeProvider time,
    CleanupClock cleanupClock,
    ILogger<UserSessionManager> logger)
{
    private readonly LogThrottle _expiriesNotWritten = new(time);

    /// <summary>The live session with this token, its last use noted; <see langword="null"/> when there is none.</summary>
    public ValueTask<CachedSession?> FindAsync(TokenHash tokenHash)
    {
        var now = time.GetUtcNow();
        return cache.Find(tokenHash) is { } session && !session.IsExpired(now)
            ? new(Use(session, tokenHash, now))
            : FindStoredAsync(tokenHash, now);
    }

    /// <summary>The live sessions of a user, the last used first, with their last use as it is known here.</summary>
    public async Task<IReadOnlyList<(UserSession Session, DateTimeOffset LastSeenAt, DateTimeOffset ExpiresAt)>> ListAsync(int userId)
    {
        var now = time.GetUtcNow();
        return [.. (await store.ListAsync(userId))
            .Select(session => (Session: session, LastSeenAt: lastSeen.LastUse(session)))
            .Select(item => (item.Session, item.LastSeenAt, ExpiresAt: item.Session.IdleExpiresAtFrom(item.LastSeenAt)))
            .Where(item => item.ExpiresAt > now)
            .OrderByDescending(item => item.LastSeenAt)
            .ThenByDescending(item => item.Session.CreatedAt)];
    }

    /// <summary>
    /// Makes a session durable. In the same transaction those that it replaces end, and the least recently used of its user make room.
    /// </summary>
    /// <returns>The sessions that ended.</returns>
    public Task<IReadOnlyList<EndedSession>> StartAsync(UserSession session, IReadOnlyList<UserSession> replaces)
    {
        return GroupCommit.WaitForCommitAsync(StartCoreAsync());

        async Task<IReadOnlyList<EndedSession>> StartCoreAsync()
        {
            // Uses that are not written yet count when it is decided which session is the least recently used.
            var lastUses = (await store.ListAsync(session.UserId)).ToDictionary(other => other.Id, lastSeen.LastUse);
            try
            {
                var ended = await store.StartAsync(session, new SessionStart(replaces, options.Value.MaxPerUser, lastUses));
                metrics.Started(session.Transport);
                Ended(ended);
                return ended;
            }
            finally
            {
                Evict(replaces.Select(replaced => replaced.TokenHash));
            }
        }
    }

    /// <summary>Ends a session durably. From then on its token is refused.</summary>
    /// <returns>What ended; <see langword="null"/> if it had ended already.</returns>
    public Task<EndedSession?> EndAsync(UserSession session, SessionEnd cause) => EndAsync(session.UserId, session.Id, session.TokenHash, cause);

    /// <summary>Ends the session of a user that has this id, durably.</summary>
    /// <returns>What ended; <see langword="null"/> if the user has no such session.</returns>
    public Task<EndedSession?> EndAsync(int userId, Guid sessionId, SessionEnd cause) => EndAsync(userId, sessionId, tokenHash: null, cause);

    /// <summary>Ends all sessions of a user in one durable transaction, but for <paramref name="except"/>.</summary>
    /// <returns>The sessions that ended.</returns>
    public Task<IReadOnlyList<EndedSession>> EndAllAsync(int userId, SessionEnd cause, Guid? except = null)
    {
        return GroupCommit.WaitForCommitAsync(EndAllCoreAsync());

        async Task<IReadOnlyList<EndedSession>> EndAllCoreAsync()
        {
            try
            {
                var ended = await store.EndAllAsync(userId, cause, time.GetUtcNow(), except);
                Ended(ended);
                return ended;
            }
            finally
            {
                cache.ForgetUser(userId);
            }
        }
    }

    /// <summary>
    /// Gives a session a new token, and the time of now as that of its authentication. The old token is dead when this returns.
    /// The session's id and its limits stay.
    /// </summary>
    /// <returns>The session as it is now, or <see langword="null"/> when it has ended or been renewed meanwhile.</returns>
    public Task<UserSession?> RenewAsync(CachedSession current, SessionToken token, ClientInfo client)
    {
        return GroupCommit.WaitForCommitAsync(RenewCoreAsync());

        async Task<UserSession?> RenewCoreAsync()
        {
            var session = current.Session;
            var (now, tokenHash) = (time.GetUtcNow(), token.Hash);
            try
            {
                if (!await store.RenewAsync(session, tokenHash, now, Renewal(session, client, now)))
                {
                    return null;
                }

                // Its last known use continues under the new token.
                lastSeen.Add(tokenHash, new LastSeen(session.UserId, session.Id, current.LastSeenAt, current.ExpiresAt));
                return session with { TokenHash = tokenHash, AuthenticatedAt = now };
            }
            finally
            {
                Evict([session.TokenHash]);
            }
        }
    }

    /// <summary>Deletes all the sessions that time has ended.</summary>
    /// <returns>How many.</returns>
    public async Task<int> CleanUpAsync(CancellationToken cancellationToken)
    {
        const int batch = 500;
        var now = await cleanupClock.GetUtcNowAsync();
        var total = 0;

        // The rows must first know what this process knows, or a session in use would look idle.
        await lastSeen.FlushAsync();
        await foreach (var expired in store.DeleteExpiredAsync(now, batch))
        {
            Ended(expired);
            total += expired.Count;
            if (cancellationToken.IsCancellationRequested)
            {
                break;
            }
        }

        return total;
    }

    private Task<EndedSession?> EndAsync(int userId, Guid sessionId, TokenHash? tokenHash, SessionEnd cause)
    {
        return GroupCommit.WaitForCommitAsync(EndCoreAsync());

        async Task<EndedSession?> EndCoreAsync()
        {
            try
            {
                var ended = await store.EndAsync(userId, sessionId, cause, time.GetUtcNow());
                if (ended is not null)
                {
                    Ended([ended]);
                }

                return ended;
            }
            finally
            {
                // Even when the write failed, or another call ended it: the row decides, and is read again.
                if (tokenHash is { } known)
                {
                    Evict([known]);
                }
                else
                {
                    cache.ForgetUser(userId);
                }
            }
        }
    }

    private CachedSession Use(CachedSession session, TokenHash tokenHash, DateTimeOffset now)
    {
        if (session.Touch(now) is { } use)
        {
            lastSeen.Add(tokenHash, use);
        }

        return session;
    }

    // The cached session may lack a use that a concurrent request noted; before a session expires, store and tracker are read.
    private async ValueTask<CachedSession?> FindStoredAsync(TokenHash tokenHash, DateTimeOffset now)
    {
        if (await ReadAsync(tokenHash) is not { } session)
        {
            return null;
        }

        if (session.IsExpired(now))
        {
            // No caller waits for the write, and it is no part of this request, which has no session whether it succeeds or not.
            using (ExecutionContext.SuppressFlow())
            {
                _ = ExpireAsync(session.Session, now);
            }

            return null;
        }

        return Use(session, tokenHash, now);
    }

    private async Task<CachedSession?> ReadAsync(TokenHash tokenHash)
    {
        // In this order: a use that is no longer unwritten when it is looked for is in the row when that is read.
        var readAt = cache.BeginRead();
        var unwritten = lastSeen.Find(tokenHash);
        if (await store.FindAsync(tokenHash) is not { } stored)
        {
            return null;
        }

        var session = stored.Session;
        var seenAt = unwritten?.At > session.LastSeenAt ? unwritten.Value.At : session.LastSeenAt;
        var cached = new CachedSession(session, await CreatePrincipalAsync(stored), seenAt, readAt);

        // If it was evicted while it was being read, this request came before the end was acknowledged, and may pass;
        // the next one reads the row again.
        cache.TryAdd(tokenHash, cached);
        return cached;
    }

    private async Task<ClaimsPrincipal> CreatePrincipalAsync(StoredSession stored)
    {
        var principal = await principals.CreateAsync(stored);
        var identity = (ClaimsIdentity)principal.Identity!;

        // The session decides these, whatever claims the user was given.
        foreach (var claim in identity.FindAll(claim => claim.Type is "amr" or "auth_time").ToList())
        {
            identity.RemoveClaim(claim);
        }

        foreach (var method in stored.Session.AuthenticationMethods)
        {
            identity.AddClaim(new Claim("amr", method));
        }

        identity.AddClaim(new Claim(
            "auth_time", stored.Session.AuthenticatedAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64));
        return principal;
    }

    private async Task ExpireAsync(UserSession session, DateTimeOffset now)
    {
        try
        {
            // Written down, so that a clock that goes back does not revive what has once been seen expired.
            await EndAsync(session, new SessionEnd(AuditEvent.SessionExpired));
        }
        catch (Exception exception)
        {
            if (_expiriesNotWritten.IsDue(out var suppressed))
            {
                Log.ExpiryNotWritten(logger, session.Id, now, suppressed, exception);
            }
        }
    }

    // When they have ended durably, and before it is returned to anyone.
    private void Ended(IReadOnlyList<EndedSession> ended)
    {
        Evict(ended.Select(session => session.TokenHash));
        foreach (var session in ended)
        {
            metrics.Ended(session.Event);
        }
    }

    private void Evict(IEnumerable<TokenHash> tokenHashes)
    {
        foreach (var tokenHash in tokenHashes)
        {
            cache.Forget(tokenHash);
            lastSeen.Forget(tokenHash);
        }
    }

    private static AuditEntry Renewal(UserSession session, ClientInfo client, DateTimeOffset at) => new()
    {
        At = at,
        Event = AuditEvent.Reauthenticated,
        UserId = session.UserId,
        SessionId = session.Id,
        IpAddress = client.IpAddress,
        UserAgent = client.UserAgent,
    };

    private static partial class Log
    {
        [LoggerMessage(201, LogLevel.Warning, "Session {SessionId} was found expired at {Now}, and that could not be persisted. This is logged once a minute; {Suppressed} more since the last time.")]
        public static partial void ExpiryNotWritten(ILogger logger, Guid sessionId, DateTimeOffset now, long suppressed, Exception exception);
    }
}
