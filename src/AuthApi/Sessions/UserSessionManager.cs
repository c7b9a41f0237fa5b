using System.Globalization;
using System.Security.Claims;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Starts, finds, renews and ends sessions, with the store and the cache in the order that makes an end final: durable in the
/// store, then forgotten by the cache, then told.
/// </summary>
public sealed partial class UserSessionManager(
    IUserSessionStore store,
    SessionCache cache,
    LastSeenTracker lastSeen,
    IServiceScopeFactory scopes,
    IOptions<UserSessionOptions> options,
    TimeProvider time,
    ILogger<UserSessionManager> logger)
{
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
    /// Makes a session durable. In the same transaction the one that it replaces ends, and the least recently used of its user make room.
    /// </summary>
    public Task StartAsync(UserSession session, UserSession? replaces)
    {
        var client = new ClientInfo(session.IpAddress, session.UserAgent);
        return GroupCommit.WaitForCommitAsync(StartCoreAsync());

        async Task<bool> StartCoreAsync()
        {
            IReadOnlyList<TokenHash> ended = [];
            try
            {
                ended = await store.StartAsync(
                    session,
                    new SessionStart(replaces, options.Value.MaxPerUser, lastSeen.LastUse),
                    Entry(AuditEvent.SignedIn, session, client));
                return true;
            }
            finally
            {
                Forget(replaces is null ? ended : [replaces.TokenHash, .. ended]);
            }
        }
    }

    /// <summary>Ends a session durably. From then on its token is refused.</summary>
    /// <param name="session">The session to end.</param>
    /// <param name="what">How it ends.</param>
    /// <param name="client">Who asked for it, if a client did.</param>
    /// <param name="by">The session that asked for it, where it is another one.</param>
    /// <returns>Whether this call ended it, as opposed to one at the same time.</returns>
    public Task<bool> EndAsync(UserSession session, AuditEvent what, ClientInfo client, UserSession? by = null)
    {
        return GroupCommit.WaitForCommitAsync(EndCoreAsync());

        async Task<bool> EndCoreAsync()
        {
            TokenHash? ended = null;
            try
            {
                ended = await store.EndAsync(session, Entry(what, session, client) with { BySessionId = by?.Id });
                return ended is not null;
            }
            finally
            {
                // Even when the write failed: the row decides, and is read again. Its token may have been renewed meanwhile.
                Forget(ended is { } tokenHash && tokenHash != session.TokenHash ? [session.TokenHash, tokenHash] : [session.TokenHash]);
            }
        }
    }

    /// <summary>Ends the sessions of a user durably: all, or all but <paramref name="current"/>.</summary>
    /// <returns>How many.</returns>
    public Task<int> EndAllAsync(UserSession current, bool exceptCurrent, string reason, ClientInfo client)
    {
        return GroupCommit.WaitForCommitAsync(EndAllCoreAsync());

        async Task<int> EndAllCoreAsync()
        {
            try
            {
                var ended = await store.EndAllAsync(current.UserId, exceptCurrent ? current.Id : null, id => id == current.Id
                    ? Entry(AuditEvent.SignedOut, current, client) with { Reason = reason }
                    : Entry(AuditEvent.SessionRevoked, current, client) with { SessionId = id, Reason = reason, BySessionId = current.Id });
                Forget(ended);
                return ended.Count;
            }
            finally
            {
                cache.ForgetUser(current.UserId);
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
                if (!await store.RenewAsync(session, tokenHash, now, Entry(AuditEvent.Reauthenticated, session, client)))
                {
                    return null;
                }

                // What is known of its last use goes on under the new token.
                lastSeen.Add(tokenHash, new LastSeen(session.UserId, session.Id, current.LastSeenAt, current.ExpiresAt));
                return session with { TokenHash = tokenHash, AuthenticatedAt = now };
            }
            finally
            {
                Forget([session.TokenHash]);
            }
        }
    }

    /// <summary>Deletes all the sessions that time has ended.</summary>
    /// <returns>How many.</returns>
    public async Task<int> CleanUpAsync(CancellationToken cancellationToken)
    {
        const int batch = 500;
        var now = time.GetUtcNow();
        var total = 0;

        // The rows must first know what this process knows, or a session in use would look idle.
        await lastSeen.FlushAsync();
        await foreach (var expired in store.DeleteExpiredAsync(now, batch))
        {
            Forget(expired);
            total += expired.Count;
            if (cancellationToken.IsCancellationRequested)
            {
                break;
            }
        }

        return total;
    }

    private CachedSession Use(CachedSession session, TokenHash tokenHash, DateTimeOffset now)
    {
        if (session.Touch(now) is { } use)
        {
            lastSeen.Add(tokenHash, use);
        }

        return session;
    }

    // What is at hand may not know of a use that a request beside it noted; before a session ends by time, all is asked.
    private async ValueTask<CachedSession?> FindStoredAsync(TokenHash tokenHash, DateTimeOffset now)
    {
        if (await ReadAsync(tokenHash) is not { } session)
        {
            return null;
        }

        if (session.IsExpired(now))
        {
            // Nobody waits for it to be written, and it is no part of this request, which has no session whatever comes of that.
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

        // If it was forgotten while it was being read, this request still came before the end was told, and may pass;
        // the next one reads the row again.
        cache.TryAdd(tokenHash, cached);
        return cached;
    }

    // In a scope of its own, so that the action does not find this user, and its changes, already tracked.
    private async Task<ClaimsPrincipal> CreatePrincipalAsync(StoredSession stored)
    {
        await using var scope = scopes.CreateAsyncScope();
        scope.ServiceProvider.GetRequiredService<LoadedUser>().Set(stored);
        var principal = await scope.ServiceProvider.GetRequiredService<IUserClaimsPrincipalFactory<ApplicationUser>>().CreateAsync(stored.User);
        var identity = (ClaimsIdentity)principal.Identity!;

        // These are the session's to say, whatever claims the user was given.
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
            await EndAsync(session, AuditEvent.SessionExpired, client: default);
        }
        catch (Exception exception)
        {
            Log.ExpiryNotWritten(logger, session.Id, now, exception);
        }
    }

    private void Forget(IReadOnlyList<TokenHash> ended)
    {
        foreach (var tokenHash in ended)
        {
            cache.Forget(tokenHash);
            lastSeen.Forget(tokenHash);
        }
    }

    private AuditEntry Entry(AuditEvent what, UserSession session, ClientInfo client) => new()
    {
        At = time.GetUtcNow(),
        Event = what,
        UserId = session.UserId,
        SessionId = session.Id,
        IpAddress = client.IpAddress,
        UserAgent = client.UserAgent,
    };

    private static partial class Log
    {
        [LoggerMessage(201, LogLevel.Warning, "Session {SessionId} was found expired at {Now}, and that could not be written down.")]
        public static partial void ExpiryNotWritten(ILogger logger, Guid sessionId, DateTimeOffset now, Exception exception);
    }
}
