using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Sessions;

/// <summary>
/// Sessions in the database, by EF Core. A session is never updated into being: a start inserts, and a last use or a renewal updates a row
/// that is there or does nothing. An end is appended to a journal, in which the rows to be deleted wait; the view <c>LiveSessions</c>, which
/// all reading goes by, has none of them.
/// </summary>
internal sealed class UserSessionStore(IDbContextFactory<AuthDbContext> contexts, OpenReaders readers, GroupCommit commits, SessionMetrics metrics) : IUserSessionStore
{
    /// <summary>Where ends are written, and how the rows go: in the order in which they lie.</summary>
    public static readonly Journal Journal = new(
        """DELETE FROM "UserSessions" WHERE "Key" IN (SELECT "Key" FROM "EndedSessions" ORDER BY "Key" LIMIT @p0)""",
        """DELETE FROM "EndedSessions" WHERE "Key" IN (SELECT "Key" FROM "EndedSessions" ORDER BY "Key" LIMIT @p0)""");

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
                await EndOtherAsync(replaces, AuditEvent.SessionReplaced);
            }

            if (await context.Set<UserSession>().CountAsync(other => other.UserId == session.UserId) >= start.MaxPerUser)
            {
                // What time has ended already does not take the room of what lives.
                var others = (await OfUser(context, session.UserId).ToListAsync())
                    .ToLookup(other => other.IdleExpiresAtFrom(start.LastUse(other)) > session.CreatedAt);
                foreach (var expired in others[false])
                {
                    await EndOtherAsync(expired, AuditEvent.SessionExpired);
                }

                foreach (var leastRecentlyUsed in others[true].OrderByDescending(start.LastUse).Skip(start.MaxPerUser - 1))
                {
                    await EndOtherAsync(leastRecentlyUsed, AuditEvent.SessionEvicted);
                }
            }

            await InsertAsync(context, session);
            await AuditTrail.InsertAsync(context, entry);
            return ended;

            async Task EndOtherAsync(UserSession other, AuditEvent what)
            {
                var end = entry with { Event = what, UserId = other.UserId, SessionId = other.Id, BySessionId = session.Id };
                if (await EndAsync(context, other, end) is { } one)
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
        var ended = await commits.WriteAsync(context => EndAsync(context, session, entry));
        return ended is { } one ? Count([one])[0] : null;
    }

    public async Task<IReadOnlyList<TokenHash>> EndAllAsync(int userId, Guid? except, Func<Guid, AuditEntry> entry) =>
        Count(await commits.WriteAsync(async context =>
        {
            var ended = new List<Ended>();
            foreach (var session in await OfUser(context, userId).Where(session => session.Id != except).Select(session => new { session.Id, session.TokenHash }).ToListAsync())
            {
                if (await EndAsync(context, session.TokenHash, session.Id, entry(session.Id)) is { } one)
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
                WHERE "Key" = (SELECT "Key" FROM "LiveSessions" WHERE "Key" = @p0 AND "TokenHash" = @p1 AND "Id" = @p5)
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
                last = expired[^1].TokenHash.Prefix;
                yield return await EndAsync(expired, now);
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
            .Select(session => new Expired(session.TokenHash, session.UserId, session.Id))
            .ToListAsync();
    }

    // One may have been used since it was looked for, and live on.
    private async Task<IReadOnlyList<TokenHash>> EndAsync(List<Expired> expired, DateTimeOffset now) =>
        Count(await commits.WriteAsync(async context =>
        {
            var ended = new List<Ended>();
            foreach (var session in expired)
            {
                var entry = new AuditEntry { At = now, Event = AuditEvent.SessionExpired, UserId = session.UserId, SessionId = session.Id };
                if (await EndAsync(context, session.TokenHash, session.Id, entry, expiredAt: now) is { } one)
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

    // That it has ended is written into the journal, and only if it had not: the row, and what is in the index, are deleted later.
    private static async Task<Ended?> EndAsync(AuthDbContext context, TokenHash tokenHash, Guid sessionId, AuditEntry entry, DateTimeOffset? expiredAt = null)
    {
        var count = await context.Prepare(
            """
            INSERT INTO "EndedSessions" ("Key")
            SELECT "Key" FROM "LiveSessions" WHERE "Key" = @p0 AND "TokenHash" = @p1 AND "Id" = @p2 AND "IdleExpiresAt" <= @p3
            """,
            tokenHash.Prefix,
            tokenHash.ToArray(),
            sessionId,
            (expiredAt ?? DateTimeOffset.MaxValue).ToUnixTimeMilliseconds()).ExecuteNonQueryAsync();
        if (count == 0)
        {
            return null;
        }

        await AuditTrail.InsertAsync(context, entry);
        return new Ended(tokenHash, entry.Event);
    }

    // By the token that it has now, which may have been renewed since it was read.
    private static async Task<Ended?> EndAsync(AuthDbContext context, UserSession session, AuditEntry entry) =>
        await EndAsync(context, session.TokenHash, session.Id, entry) is { } ended
            ? ended
            : await context.Prepare(
                """SELECT "TokenHash" FROM "LiveSessions" WHERE "UserId" = @p0 AND "Id" = @p1""", session.UserId, session.Id).ExecuteScalarAsync() is byte[] renewed
                ? await EndAsync(context, new TokenHash(renewed), session.Id, entry)
                : null;

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

    private sealed record Expired(TokenHash TokenHash, int UserId, Guid Id);
}
