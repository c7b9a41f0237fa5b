using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Starts, finds, lists, renews and ends sessions, with the store and the cache in the order that makes an end final: durable in the
/// store, then evicted from the cache, then returned. Every method throws what <see cref="IUserSessionStore.IsOutOfReach"/> recognizes when the
/// store is out of reach.
/// </summary>
public sealed partial class UserSessionManager
{
    private static readonly SessionEnd Revocation = new(AuditEvent.SessionRevoked);

    private readonly IUserSessionStore _store;
    private readonly SessionCache _cache;
    private readonly SessionMetrics _metrics;
    private readonly LastSeenTracker _lastSeen;
    private readonly ISessionPrincipalFactory _principals;
    private readonly UserSessionOptions _options;
    private readonly TimeProvider _time;
    private readonly CleanupClock _cleanupClock;
    private readonly ILogger<UserSessionManager> _logger;
    private readonly LogThrottle _expiriesNotWritten;

    internal UserSessionManager(
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
        (_store, _cache, _metrics, _lastSeen, _principals) = (store, cache, metrics, lastSeen, principals);
        (_options, _time, _cleanupClock, _logger) = (options.Value, time, cleanupClock, logger);
        _expiriesNotWritten = new LogThrottle(time);
    }

    /// <summary>The live sessions of a user, the last used first, with their last use as it is known here.</summary>
    /// <param name="userId">The user's id.</param>
    public async Task<IReadOnlyList<LiveSession>> ListAsync(string userId)
    {
        var now = _time.GetUtcNow();
        return [.. (await _store.ListAsync(userId))
            .Select(session => new LiveSession(session, _lastSeen.LastUse(session)))
            .Where(session => !session.IsExpired(now))
            .OrderByDescending(session => session.LastSeenAt)
            .ThenByDescending(session => session.Session.CreatedAt)];
    }

    /// <summary>Whether a session is live. This is no use of it.</summary>
    /// <param name="userId">The user's id.</param>
    /// <param name="sessionId">The session's id, as in the claim <c>sid</c>.</param>
    public async Task<bool> IsLiveAsync(string userId, Guid sessionId) =>
        await _store.FindAsync(userId, sessionId) is { } session && session.IdleExpiresAtFrom(_lastSeen.LastUse(session).At) > _time.GetUtcNow();

    /// <summary>
    /// Makes the next requests of a user, or of everybody, see what their principal is made of now: after <c>ExecuteUpdate</c>, another program, or a change of
    /// other tables that the application's claims come from. What is saved through the application's context needs no call.
    /// </summary>
    /// <param name="userId">The user's id; <see langword="null"/> for everybody.</param>
    public async Task RefreshPrincipalsAsync(string? userId = null)
    {
        try
        {
            await StoreWaitBudget.WaitForCommitAsync(RaiseAsync());
        }
        finally
        {
            if (userId is null)
            {
                _cache.InvalidateEveryone();
            }
            else
            {
                _cache.InvalidateUser(userId);
            }
        }

        async Task<bool> RaiseAsync()
        {
            await _store.RaisePrincipalVersionAsync(userId);
            return true;
        }
    }

    /// <summary>Writes the last uses that this process knows and the store does not, so that a query of the rows finds them.</summary>
    public Task WriteLastUsesAsync() => _lastSeen.FlushAsync();

    /// <summary>Ends the session of a user that has this id, durably. From then on its token is rejected.</summary>
    /// <param name="userId">The user's id.</param>
    /// <param name="sessionId">The session's id.</param>
    /// <param name="cause">Why; a revocation by default.</param>
    /// <returns>What ended; <see langword="null"/> if the user has no such session.</returns>
    public Task<EndedSession?> EndAsync(string userId, Guid sessionId, SessionEnd? cause = null) =>
        EndAsync(userId, sessionId, tokenHash: null, cause ?? Revocation);

    /// <summary>Ends all sessions of a user but one, in one durable transaction.</summary>
    /// <param name="current">The session that goes on.</param>
    /// <param name="cause">Why; a revocation by that session, by default.</param>
    /// <returns>The sessions that ended.</returns>
    public Task<IReadOnlyList<EndedSession>> EndOthersAsync(LiveSession current, SessionEnd? cause = null)
    {
        ArgumentNullException.ThrowIfNull(current);
        var session = current.Session;
        return EndAllAsync(session.UserId, cause ?? Revocation with { BySessionId = session.Id, Client = current.LastClient }, session.Id);
    }

    /// <summary>Ends all sessions of a user in one durable transaction.</summary>
    /// <param name="userId">The user's id.</param>
    /// <param name="cause">Why; a revocation by default.</param>
    /// <returns>The sessions that ended.</returns>
    public Task<IReadOnlyList<EndedSession>> EndAllAsync(string userId, SessionEnd? cause = null) => EndAllAsync(userId, cause ?? Revocation, except: null);

    /// <summary>The live session with this token; <see langword="null"/> when there is none.</summary>
    /// <param name="tokenHash">The token's hash.</param>
    /// <param name="use">The request that uses the session; <see langword="null"/> where this is no use of it.</param>
    internal ValueTask<LiveSession?> FindAsync(TokenHash tokenHash, HttpContext? use = null)
    {
        var now = _time.GetUtcNow();
        if (_cache.Find(tokenHash) is not { } session)
        {
            return FindStoredAsync(tokenHash, now, use);
        }

        if (session.IsExpired(now))
        {
            // From here on the row decides, which a cleanup may have deleted. A clock that goes back revives nothing.
            _cache.Invalidate(tokenHash);
            return FindStoredAsync(tokenHash, now, use);
        }

        return _store.IsShared ? ConfirmAsync(session, tokenHash, now, use) : new(Use(session, tokenHash, now, use));
    }

    /// <summary>
    /// Makes a session durable. In the same transaction those that it replaces end, and the least recently used of its user make room.
    /// </summary>
    /// <returns>Whether it was started; not if the user has changed since the sign-in began, or what it must end has ended, or it was started before.</returns>
    internal Task<bool> StartAsync(UserSession session, SignIn signIn)
    {
        var replaces = signIn.Replaces;
        return StoreWaitBudget.WaitForCommitAsync(StartCoreAsync());

        async Task<bool> StartCoreAsync()
        {
            // Uses that are not written yet count when it is decided which session is the least recently used.
            var lastUses = (await _store.ListAsync(session.UserId)).ToDictionary(other => other.Id, other => _lastSeen.LastUse(other).At);
            try
            {
                var ended = await _store.StartAsync(session, new SessionStart(replaces, _options.MaxPerUser, lastUses, signIn.SecurityStamp)
                {
                    MustEnd = signIn.MustEnd,
                    MustBeFirst = signIn.IsCarriedOver,
                });
                if (ended is null)
                {
                    return false;
                }

                _metrics.Started(session.Transport);
                Ended(ended);
                return true;
            }
            finally
            {
                Evict(replaces.Select(replaced => replaced.TokenHash));
            }
        }
    }

    /// <summary>Ends a session durably. From then on its token is refused.</summary>
    /// <returns>What ended; <see langword="null"/> if it had ended already.</returns>
    internal Task<EndedSession?> EndAsync(UserSession session, SessionEnd cause) => EndAsync(session.UserId, session.Id, session.TokenHash, cause);

    /// <summary>Ends all sessions of a user in one durable transaction, but for <paramref name="except"/>.</summary>
    /// <returns>The sessions that ended.</returns>
    internal Task<IReadOnlyList<EndedSession>> EndAllAsync(string userId, SessionEnd cause, Guid? except)
    {
        return StoreWaitBudget.WaitForCommitAsync(EndAllCoreAsync());

        async Task<IReadOnlyList<EndedSession>> EndAllCoreAsync()
        {
            try
            {
                var ended = await _store.EndAllAsync(userId, cause, _time.GetUtcNow(), except);
                Ended(ended);
                return ended;
            }
            finally
            {
                _cache.InvalidateUser(userId);
            }
        }
    }

    /// <summary>
    /// Gives a session a new token, and the time of now as that of its authentication. The old token is dead when this returns.
    /// The session's id and its limits stay.
    /// </summary>
    /// <param name="current">The session.</param>
    /// <param name="token">Its new token.</param>
    /// <param name="client">The client.</param>
    /// <param name="authenticationMethods">The methods that the session has from now on; <see langword="null"/> for those that it has.</param>
    /// <returns>The session as it is now, or <see langword="null"/> when it has ended or been renewed meanwhile.</returns>
    internal Task<UserSession?> RenewAsync(LiveSession current, SessionToken token, ClientInfo client, IEnumerable<string>? authenticationMethods = null)
    {
        return StoreWaitBudget.WaitForCommitAsync(RenewCoreAsync());

        async Task<UserSession?> RenewCoreAsync()
        {
            var session = authenticationMethods is null ? current.Session : current.Session with { AuthenticationMethods = [.. authenticationMethods] };
            var (now, tokenHash) = (_time.GetUtcNow(), token.Hash);
            try
            {
                if (!await _store.RenewAsync(session, tokenHash, now, Renewal(session, client, now)))
                {
                    return null;
                }

                // Its last known use continues under the new token.
                _lastSeen.Add(tokenHash, new LastSeen(session.UserId, session.Id, current.LastSeenAt, current.ExpiresAt, current.LastClient));
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
    internal async Task<int> CleanUpAsync(CancellationToken cancellationToken)
    {
        const int batch = 500;
        var now = await _cleanupClock.GetUtcNowAsync();
        var total = 0;
        if (_store.IsShared)
        {
            // Another node may know of a use that it has not written yet.
            now -= 2 * _options.LastSeenInterval;
        }

        // The rows must first know what this process knows, or a session in use would look idle.
        await _lastSeen.FlushAsync();
        await foreach (var expired in _store.DeleteExpiredAsync(now, batch))
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

    private Task<EndedSession?> EndAsync(string userId, Guid sessionId, TokenHash? tokenHash, SessionEnd cause)
    {
        return StoreWaitBudget.WaitForCommitAsync(EndCoreAsync());

        async Task<EndedSession?> EndCoreAsync()
        {
            try
            {
                var ended = await _store.EndAsync(userId, sessionId, cause, _time.GetUtcNow());
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
                    _cache.InvalidateUser(userId);
                }
            }
        }
    }

    // Another node may have ended the session, or changed its user.
    private async ValueTask<LiveSession?> ConfirmAsync(LiveSession session, TokenHash tokenHash, DateTimeOffset now, HttpContext? use)
    {
        if (await StoreWaitBudget.WaitAsync(_store.ConfirmAsync(tokenHash)) is not { } version)
        {
            Evict([tokenHash]);
            return null;
        }

        return version == session.Session.PrincipalVersion ? Use(session, tokenHash, now, use) : await FindStoredAsync(tokenHash, now, use);
    }

    private LiveSession Use(LiveSession session, TokenHash tokenHash, DateTimeOffset now, HttpContext? use)
    {
        var expiresAt = session.ExpiresAt;
        if (use is not null && session.Touch(now, use) is { } lastSeen)
        {
            // Before the interval has passed, another node could find it expired by its row.
            var isUrgent = _store.IsShared && expiresAt - now < 3 * _options.LastSeenInterval && expiresAt < session.Session.AbsoluteExpiresAt;
            _lastSeen.Add(tokenHash, lastSeen, isUrgent);
        }

        return session;
    }

    // The cached session may lack a use that a concurrent request noted; before a session expires, store and tracker are read.
    private async ValueTask<LiveSession?> FindStoredAsync(TokenHash tokenHash, DateTimeOffset now, HttpContext? use)
    {
        // A store that is not shared limits its reads itself; here the user is read too, from a server that may hang.
        if (await (_store.IsShared ? StoreWaitBudget.WaitAsync(ReadAsync(tokenHash)) : ReadAsync(tokenHash)) is not { } session)
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

        return Use(session, tokenHash, now, use);
    }

    private async Task<LiveSession?> ReadAsync(TokenHash tokenHash)
    {
        // In this order: a use that is no longer pending when it is looked for is in the row when that is read.
        var readAt = _cache.BeginRead();
        var pending = _lastSeen.Find(tokenHash);
        if (await _store.FindAsync(tokenHash) is not { } session || await CreatePrincipalAsync(session) is not { } principal)
        {
            return null;
        }

        // The cache keeps what was made of it.
        var row = session.User is null ? session : session with { User = null };
        var live = new LiveSession(row, LastSeenTracker.LastUse(row, pending), principal, readAt);

        // If it was evicted while it was being read, this request came before the end was acknowledged, and may pass;
        // the next one reads the row again.
        _cache.TryAdd(tokenHash, live);
        return live;
    }

    private async Task<ClaimsPrincipal?> CreatePrincipalAsync(UserSession session)
    {
        if (await _principals.CreateAsync(session) is not { Identity: ClaimsIdentity identity } principal)
        {
            return null;
        }

        // The session decides these, whatever claims the user was given.
        foreach (var claim in identity.FindAll(claim => claim.Type is "amr" or "auth_time" or SessionClaims.SessionId).ToList())
        {
            identity.RemoveClaim(claim);
        }

        foreach (var method in session.AuthenticationMethods)
        {
            identity.AddClaim(new Claim("amr", method));
        }

        identity.AddClaim(new Claim(
            "auth_time", session.AuthenticatedAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64));
        identity.AddClaim(new Claim(SessionClaims.SessionId, session.Id.ToString()));
        return principal;
    }

    private async Task ExpireAsync(UserSession session, DateTimeOffset now)
    {
        // It was cached when it was read. The row may be seen to be gone before this method continues.
        _cache.Invalidate(session.TokenHash);
        try
        {
            // Written down, so that a clock that goes back does not revive what has once been seen expired. Unless another node has used it.
            if (await _store.EndAsync(session.UserId, session.Id, new SessionEnd(AuditEvent.SessionExpired), now, onlyExpired: true) is { } ended)
            {
                Ended([ended]);
            }
        }
        catch (Exception exception)
        {
            if (_expiriesNotWritten.IsDue(out var suppressed))
            {
                Log.ExpiryNotWritten(_logger, session.Id, now, suppressed, exception);
            }
        }
    }

    /// <summary>Evicts and counts sessions that have ended durably, before their end is acknowledged to anybody.</summary>
    internal void Ended(IReadOnlyList<EndedSession> ended)
    {
        Evict(ended.Select(session => session.TokenHash));
        foreach (var session in ended)
        {
            _metrics.Ended(session.Event);
        }
    }

    private void Evict(IEnumerable<TokenHash> tokenHashes)
    {
        foreach (var tokenHash in tokenHashes)
        {
            _cache.Invalidate(tokenHash);
            _lastSeen.Remove(tokenHash);
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
