using System.Security.Claims;
using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Sessions;

/// <summary>
/// Sessions in the database, by EF Core. A session is never updated into being: a start inserts, an end deletes, and a last
/// use or a renewal updates a row that is there or does nothing.
/// </summary>
internal sealed class UserSessionStore(IDbContextFactory<AuthDbContext> contexts, GroupCommit commits, SessionMetrics metrics) : IUserSessionStore
{
    private static readonly Func<AuthDbContext, TokenHash, Task<Found?>> ByTokenHash = EF.CompileAsyncQuery(
        (AuthDbContext context, TokenHash tokenHash) => context.Set<UserSession>().AsNoTracking()
            .Where(session => session.TokenHash == tokenHash)
            .Join(context.Users, session => session.UserId, user => user.Id, (session, user) => new Found
            {
                Session = session,
                User = user,
                Roles = context.UserRoles.Where(membership => membership.UserId == session.UserId)
                    .Join(context.Roles, membership => membership.RoleId, role => role.Id, (membership, role) => role.Name!)
                    .ToList(),
                UserClaims = context.UserClaims.Where(claim => claim.UserId == session.UserId)
                    .Select(claim => new FoundClaim { Type = claim.ClaimType!, Value = claim.ClaimValue! })
                    .ToList(),
                RoleClaims = context.UserRoles.Where(membership => membership.UserId == session.UserId)
                    .Join(context.RoleClaims, membership => membership.RoleId, claim => claim.RoleId,
                        (membership, claim) => new FoundClaim { Type = claim.ClaimType!, Value = claim.ClaimValue! })
                    .ToList(),
            })
            .SingleOrDefault());

    // Look-ups are not cancelled when a client hangs up: its logout would be lost with them.
    public async Task<StoredSession?> FindAsync(TokenHash tokenHash)
    {
        await using var context = await contexts.CreateDbContextAsync();
        return await ByTokenHash(context, tokenHash) is { } found
            ? new StoredSession(found.Session, found.User, found.Roles, [.. found.UserClaims.Concat(found.RoleClaims).Select(claim => new Claim(claim.Type, claim.Value))])
            : null;
    }

    public async Task<IReadOnlyList<UserSession>> ListAsync(int userId)
    {
        await using var context = await contexts.CreateDbContextAsync();
        return await OfUser(context, userId).ToListAsync();
    }

    public async Task<IReadOnlyList<TokenHash>> StartAsync(UserSession session, SessionStart start, AuditEntry entry)
    {
        var all = await commits.WriteAsync(async context =>
        {
            var ended = new List<Ended>();
            if (start.Replaces is { } replaces)
            {
                await EndAsync(context, replaces.Id, AuditEvent.SessionReplaced, replaces.UserId);
            }

            if (await context.Set<UserSession>().CountAsync(other => other.UserId == session.UserId) >= start.MaxPerUser)
            {
                // What time has ended already does not take the room of what lives.
                var others = (await OfUser(context, session.UserId).ToListAsync())
                    .ToLookup(other => other.IdleExpiresAtFrom(start.LastUse(other)) > session.CreatedAt);
                foreach (var expired in others[false])
                {
                    await EndAsync(context, expired.Id, AuditEvent.SessionExpired, expired.UserId);
                }

                foreach (var leastRecentlyUsed in others[true].OrderByDescending(start.LastUse).Skip(start.MaxPerUser - 1))
                {
                    await EndAsync(context, leastRecentlyUsed.Id, AuditEvent.SessionEvicted, leastRecentlyUsed.UserId);
                }
            }

            // Saved at once: the next start in this batch must count it.
            context.Add(session);
            await context.SaveChangesAsync();
            await AuditTrail.InsertAsync(context, entry);
            return ended;

            async Task EndAsync(AuthDbContext context, Guid id, AuditEvent what, int userId)
            {
                var end = entry with { Event = what, UserId = userId, SessionId = id, BySessionId = session.Id };
                if (await DeleteAsync(context, id, end) is { } one)
                {
                    ended.Add(one);
                }
            }
        });
        metrics.Started(session.Transport);
        return Count(all);
    }

    public async Task<TokenHash?> EndAsync(Guid sessionId, AuditEntry entry)
    {
        var ended = await commits.WriteAsync(context => DeleteAsync(context, sessionId, entry));
        return ended is { } one ? Count([one])[0] : null;
    }

    public async Task<IReadOnlyList<TokenHash>> EndAllAsync(int userId, Guid? except, Func<Guid, AuditEntry> entry) =>
        Count(await commits.WriteAsync(async context =>
        {
            var ended = new List<Ended>();
            foreach (var id in await OfUser(context, userId).Where(session => session.Id != except).Select(session => session.Id).ToListAsync())
            {
                if (await DeleteAsync(context, id, entry(id)) is { } one)
                {
                    ended.Add(one);
                }
            }

            return ended;
        }));

    public Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry) =>
        commits.WriteAsync(async context =>
        {
            var renewed = await context.Set<UserSession>()
                .Where(stored => stored.Id == session.Id && stored.TokenHash == session.TokenHash)
                .ExecuteUpdateAsync(update => update
                    .SetProperty(stored => stored.TokenHash, tokenHash)
                    .SetProperty(stored => stored.AuthenticatedAt, authenticatedAt)) == 1;
            if (renewed)
            {
                await AuditTrail.InsertAsync(context, entry);
            }

            return renewed;
        });

    public Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen) =>
        commits.WriteAsync(async context =>
        {
            foreach (var (id, at, idleExpiresAt) in lastSeen)
            {
                await context.Prepare(
                    """UPDATE "UserSessions" SET "LastSeenAt" = @p1, "IdleExpiresAt" = @p2 WHERE "Id" = @p0 AND "LastSeenAt" < @p1""",
                    id,
                    at.ToUnixTimeMilliseconds(),
                    idleExpiresAt.ToUnixTimeMilliseconds()).ExecuteNonQueryAsync();
            }

            return true;
        });

    public async Task<IReadOnlyList<TokenHash>> DeleteExpiredAsync(DateTimeOffset now, int limit) =>
        Count(await commits.WriteAsync(async context =>
        {
            var ended = new List<Ended>();
            var expired = await context.Set<UserSession>().AsNoTracking()
                .Where(session => session.IdleExpiresAt <= now)
                .OrderBy(session => session.IdleExpiresAt)
                .Take(limit)
                .Select(session => new { session.Id, session.UserId })
                .ToListAsync();
            foreach (var session in expired)
            {
                var entry = new AuditEntry { At = now, Event = AuditEvent.SessionExpired, UserId = session.UserId, SessionId = session.Id };
                if (await DeleteAsync(context, session.Id, entry) is { } one)
                {
                    ended.Add(one);
                }
            }

            return ended;
        }));

    public async Task<int> CountLiveAsync(DateTimeOffset now)
    {
        await using var context = await contexts.CreateDbContextAsync();
        return await context.Set<UserSession>().CountAsync(session => session.IdleExpiresAt > now);
    }

    private static IQueryable<UserSession> OfUser(AuthDbContext context, int userId) =>
        context.Set<UserSession>().AsNoTracking().Where(session => session.UserId == userId);

    // One statement, so nobody else can have ended it in between, and it says which token the session had.
    private static async Task<Ended?> DeleteAsync(AuthDbContext context, Guid sessionId, AuditEntry entry)
    {
        var command = context.Prepare("""DELETE FROM "UserSessions" WHERE "Id" = @p0 RETURNING "TokenHash" """, sessionId);
        if (await command.ExecuteScalarAsync() is not byte[] tokenHash)
        {
            return null;
        }

        await AuditTrail.InsertAsync(context, entry);
        return new Ended(new TokenHash(tokenHash), entry.Event);
    }

    // To be called when it is durable: a write may run twice.
    private TokenHash[] Count(List<Ended> ended)
    {
        foreach (var one in ended)
        {
            metrics.Ended(one.How);
        }

        return [.. ended.Select(one => one.TokenHash)];
    }

    private readonly record struct Ended(TokenHash TokenHash, AuditEvent How);

    private sealed class Found
    {
        public required UserSession Session { get; init; }

        public required ApplicationUser User { get; init; }

        public required List<string> Roles { get; init; }

        public required List<FoundClaim> UserClaims { get; init; }

        public required List<FoundClaim> RoleClaims { get; init; }
    }

    private sealed class FoundClaim
    {
        public required string Type { get; init; }

        public required string Value { get; init; }
    }
}
