using System.Globalization;
using System.Security.Claims;
using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Sessions;

/// <summary>
/// Starts, finds and ends sessions, with the store and the cache in the order that makes an end final: durable in the store,
/// then forgotten by the cache, then told.
/// </summary>
internal sealed partial class UserSessionManager(
    IUserSessionStore store,
    SessionCache cache,
    LastSeenTracker lastSeen,
    IServiceScopeFactory scopes,
    TimeProvider time,
    ILogger<UserSessionManager> logger)
{
    // A write that takes longer than this is answered 503 and goes on: it may yet be made, so the client tries again.
    private static readonly TimeSpan LongestWrite = TimeSpan.FromSeconds(2.5);

    /// <summary>The live session with this token, its last use noted; <see langword="null"/> when there is none.</summary>
    public async ValueTask<CachedSession?> FindAsync(TokenHash tokenHash)
    {
        var session = cache.Find(tokenHash) ?? await ReadAsync(tokenHash);
        if (session is null)
        {
            return null;
        }

        var now = time.GetUtcNow();
        if (session.IsExpired(now))
        {
            await ExpireAsync(session.Session, now);
            return null;
        }

        if (session.Touch(now) is { } use)
        {
            lastSeen.Add(tokenHash, use);
        }

        return session;
    }

    /// <summary>Makes a session durable, and ends the one it replaces in the same transaction.</summary>
    public Task StartAsync(UserSession session, UserSession? replaces)
    {
        return BoundAsync(StartCoreAsync());

        async Task<bool> StartCoreAsync()
        {
            try
            {
                await store.StartAsync(
                    session,
                    replaces,
                    Entry(AuditEvent.SignedIn, session, session.IpAddress, session.UserAgent),
                    replaces is null ? null : Entry(AuditEvent.SessionReplaced, replaces, session.IpAddress, session.UserAgent));
                return true;
            }
            finally
            {
                Forget(replaces);
            }
        }
    }

    /// <summary>Ends a session durably. From then on its token is refused.</summary>
    /// <returns>Whether this call ended it, as opposed to one at the same time.</returns>
    public Task<bool> EndAsync(UserSession session, AuditEvent reason, string? ipAddress, string? userAgent)
    {
        return BoundAsync(EndCoreAsync());

        async Task<bool> EndCoreAsync()
        {
            try
            {
                return await store.EndAsync(session.Id, Entry(reason, session, ipAddress, userAgent));
            }
            finally
            {
                // Even when the write failed: the row decides, and is read again.
                Forget(session);
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
        int count;
        do
        {
            var expired = await store.DeleteExpiredAsync(now, batch);
            foreach (var tokenHash in expired)
            {
                cache.Forget(tokenHash);
            }

            count = expired.Count;
            total += count;
        }
        while (count == batch && !cancellationToken.IsCancellationRequested);
        return total;
    }

    private static async Task<bool> BoundAsync(Task<bool> write)
    {
        try
        {
            return await write.WaitAsync(LongestWrite);
        }
        catch (TimeoutException exception)
        {
            throw new StoreUnavailableException("The store did not answer in time.", exception);
        }
    }

    private async Task<CachedSession?> ReadAsync(TokenHash tokenHash)
    {
        // In this order: a use that is no longer unwritten when it is looked for is in the row when that is read.
        var readAt = cache.BeginRead();
        var unwritten = lastSeen.Find(tokenHash);
        var session = await store.FindAsync(tokenHash);
        if (session is null || await CreatePrincipalAsync(session) is not { } principal)
        {
            return null;
        }

        var seenAt = unwritten?.At > session.LastSeenAt ? unwritten.Value.At : session.LastSeenAt;
        var cached = new CachedSession(session, principal, seenAt, readAt);

        // If it was forgotten while it was being read, this request still came before the end was told, and may pass;
        // the next one reads the row again.
        cache.TryAdd(tokenHash, cached);
        return cached;
    }

    // In a scope of its own, so that the action does not find this user, and its changes, already tracked.
    private async Task<ClaimsPrincipal?> CreatePrincipalAsync(UserSession session)
    {
        await using var scope = scopes.CreateAsyncScope();
        var users = scope.ServiceProvider.GetRequiredService<UserManager<ApplicationUser>>();
        var user = await users.FindByIdAsync(session.UserId.ToString(CultureInfo.InvariantCulture));
        if (user is null)
        {
            return null;
        }

        var principal = await scope.ServiceProvider.GetRequiredService<IUserClaimsPrincipalFactory<ApplicationUser>>().CreateAsync(user);
        var identity = (ClaimsIdentity)principal.Identity!;
        foreach (var method in session.AuthenticationMethods)
        {
            identity.AddClaim(new Claim("amr", method));
        }

        return principal;
    }

    private async Task ExpireAsync(UserSession session, DateTimeOffset now)
    {
        try
        {
            // Written down, so that a clock that goes back does not revive what has once been seen expired.
            await EndAsync(session, AuditEvent.SessionExpired, null, null);
        }
        catch (Exception exception) when (StoreUnavailableException.IsCauseOf(exception))
        {
            Log.ExpiryNotWritten(logger, session.Id, now, exception);
        }
    }

    private void Forget(UserSession? session)
    {
        if (session is not null)
        {
            cache.Forget(session.TokenHash);
            lastSeen.Forget(session.TokenHash);
        }
    }

    private AuditEntry Entry(AuditEvent what, UserSession session, string? ipAddress, string? userAgent) => new()
    {
        At = time.GetUtcNow(),
        Event = what,
        UserId = session.UserId,
        SessionId = session.Id,
        IpAddress = ipAddress,
        UserAgent = userAgent,
    };

    private static partial class Log
    {
        [LoggerMessage(201, LogLevel.Warning, "Session {SessionId} was found expired at {Now}, and that could not be written down.")]
        public static partial void ExpiryNotWritten(ILogger logger, Guid sessionId, DateTimeOffset now, Exception exception);
    }
}
