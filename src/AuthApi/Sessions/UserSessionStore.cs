using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Sessions;

/// <summary>
/// Sessions in the database, by EF Core. A session is never updated into being: a start inserts, an end deletes, and a last
/// use or a renewal updates a row that is there or does nothing.
/// </summary>
internal sealed class UserSessionStore(IDbContextFactory<AuthDbContext> contexts, OpenReaders readers, GroupCommit commits, SessionMetrics metrics) : IUserSessionStore
{
    // Look-ups are not cancelled when a client hangs up: its logout would be lost with them.
    public Task<StoredSession?> FindAsync(TokenHash tokenHash) => readers.ReadAsync(context => StoredSessionQuery.FindAsync(context, tokenHash));

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
                await EndAsync(context, replaces, AuditEvent.SessionReplaced);
            }

            if (await context.Set<UserSession>().CountAsync(other => other.UserId == session.UserId) >= start.MaxPerUser)
            {
                // What time has ended already does not take the room of what lives.
                var others = (await OfUser(context, session.UserId).ToListAsync())
                    .ToLookup(other => other.IdleExpiresAtFrom(start.LastUse(other)) > session.CreatedAt);
                foreach (var expired in others[false])
                {
                    await EndAsync(context, expired, AuditEvent.SessionExpired);
                }

                foreach (var leastRecentlyUsed in others[true].OrderByDescending(start.LastUse).Skip(start.MaxPerUser - 1))
                {
                    await EndAsync(context, leastRecentlyUsed, AuditEvent.SessionEvicted);
                }
            }

            await InsertAsync(context, session);
            await AuditTrail.InsertAsync(context, entry);
            return ended;

            async Task EndAsync(AuthDbContext context, UserSession other, AuditEvent what)
            {
                var end = entry with { Event = what, UserId = other.UserId, SessionId = other.Id, BySessionId = session.Id };
                if (await DeleteAsync(context, other.UserId, other.Id, end) is { } one)
                {
                    ended.Add(one);
                }
            }
        });
        metrics.Started(session.Transport);
        return Count(all);
    }

    public async Task<TokenHash?> EndAsync(UserSession session, AuditEntry entry)
    {
        var ended = await commits.WriteAsync(context => DeleteAsync(context, session.UserId, session.Id, entry));
        return ended is { } one ? Count([one])[0] : null;
    }

    public async Task<IReadOnlyList<TokenHash>> EndAllAsync(int userId, Guid? except, Func<Guid, AuditEntry> entry) =>
        Count(await commits.WriteAsync(async context =>
        {
            var ended = new List<Ended>();
            foreach (var id in await OfUser(context, userId).Where(session => session.Id != except).Select(session => session.Id).ToListAsync())
            {
                if (await DeleteAsync(context, userId, id, entry(id)) is { } one)
                {
                    ended.Add(one);
                }
            }

            return ended;
        }));

    public Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry) =>
        commits.WriteAsync(async context =>
        {
            var renewed = await context.Prepare(
                """
                UPDATE "UserSessions" SET "Key" = @p2, "TokenHash" = @p3, "AuthenticatedAt" = @p4
                WHERE "Key" = @p0 AND "TokenHash" = @p1 AND "Id" = @p5
                """,
                session.Key,
                session.TokenHash.ToArray(),
                tokenHash.Prefix,
                tokenHash.ToArray(),
                authenticatedAt.ToUnixTimeMilliseconds(),
                session.Id).ExecuteNonQueryAsync() == 1;
            if (renewed)
            {
                await AuditTrail.InsertAsync(context, entry);
            }

            return renewed;
        });

    public Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen) =>
        commits.WriteAsync(async context =>
        {
            foreach (var (userId, id, at, idleExpiresAt) in lastSeen)
            {
                await context.Prepare(
                    """UPDATE "UserSessions" SET "LastSeenAt" = @p2, "IdleExpiresAt" = @p3 WHERE "UserId" = @p0 AND "Id" = @p1 AND "LastSeenAt" < @p2""",
                    userId,
                    id,
                    at.ToUnixTimeMilliseconds(),
                    idleExpiresAt.ToUnixTimeMilliseconds()).ExecuteNonQueryAsync();
            }

            return true;
        });

    // They are looked for beside the writer, row by row: an index by expiry would have to be kept at every start, use and end.
    public async IAsyncEnumerable<IReadOnlyList<TokenHash>> DeleteExpiredAsync(DateTimeOffset now, int batch)
    {
        long? last = null;
        while (true)
        {
            var expired = await FindExpiredAsync(now, last, batch);
            if (expired.Count > 0)
            {
                last = expired[^1].Key;
                yield return await DeleteAsync(expired, now);
            }

            if (expired.Count < batch)
            {
                yield break;
            }
        }
    }

    public async Task<int> CountLiveAsync(DateTimeOffset now)
    {
        await using var context = await contexts.CreateDbContextAsync();
        return await context.Set<UserSession>().CountAsync(session => session.IdleExpiresAt > now);
    }

    private static IQueryable<UserSession> OfUser(AuthDbContext context, int userId) =>
        context.Set<UserSession>().AsNoTracking().Where(session => session.UserId == userId);

    private async Task<List<Expired>> FindExpiredAsync(DateTimeOffset now, long? after, int limit)
    {
        await using var context = await contexts.CreateDbContextAsync();
        return await context.Set<UserSession>()
            .Where(session => (after == null || session.Key > after) && session.IdleExpiresAt <= now)
            .OrderBy(session => session.Key)
            .Take(limit)
            .Select(session => new Expired(session.Key, session.UserId, session.Id))
            .ToListAsync();
    }

    // One may have been used since it was looked for, and live on.
    private async Task<IReadOnlyList<TokenHash>> DeleteAsync(List<Expired> expired, DateTimeOffset now) =>
        Count(await commits.WriteAsync(async context =>
        {
            var ended = new List<Ended>();
            foreach (var session in expired)
            {
                var entry = new AuditEntry { At = now, Event = AuditEvent.SessionExpired, UserId = session.UserId, SessionId = session.Id };
                if (await DeleteAsync(context, session.UserId, session.Id, entry, expiredAt: now) is { } one)
                {
                    ended.Add(one);
                }
            }

            return ended;
        }));

    private static Task<int> InsertAsync(AuthDbContext context, UserSession session) => context.Prepare(
        """
        INSERT INTO "UserSessions" ("Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt",
            "AuthenticationMethods", "Transport", "RememberMe", "IpAddress", "UserAgent")
        VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12, @p13)
        """,
        session.Key,
        session.Id,
        session.UserId,
        session.TokenHash.ToArray(),
        session.CreatedAt.ToUnixTimeMilliseconds(),
        session.LastSeenAt.ToUnixTimeMilliseconds(),
        session.IdleExpiresAt.ToUnixTimeMilliseconds(),
        session.AbsoluteExpiresAt.ToUnixTimeMilliseconds(),
        session.AuthenticatedAt.ToUnixTimeMilliseconds(),
        string.Join(' ', session.AuthenticationMethods),
        session.Transport.ToString(),
        session.RememberMe,
        session.IpAddress,
        session.UserAgent).ExecuteNonQueryAsync();

    // One statement, so nobody else can have ended it in between, and it says which token the session had.
    private static async Task<Ended?> DeleteAsync(AuthDbContext context, int userId, Guid sessionId, AuditEntry entry, DateTimeOffset? expiredAt = null)
    {
        var command = context.Prepare(
            """DELETE FROM "UserSessions" WHERE "UserId" = @p0 AND "Id" = @p1 AND "IdleExpiresAt" <= @p2 RETURNING "TokenHash" """,
            userId,
            sessionId,
            (expiredAt ?? DateTimeOffset.MaxValue).ToUnixTimeMilliseconds());
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

    private sealed record Expired(long Key, int UserId, Guid Id);
}
