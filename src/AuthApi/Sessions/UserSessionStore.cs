using System.Data.Common;
using System.Globalization;
using AuthApi.Audit;
using AuthApi.Storage;

namespace AuthApi.Sessions;

/// <summary>
/// Sessions in the database. A session is never updated into being: a start inserts, and a last use or a renewal updates a row
/// that is there or does nothing. An end is appended to a journal, in which the rows to be deleted wait; the view <c>LiveSessions</c>, which
/// all reading goes by, has none of them.
/// </summary>
internal sealed class UserSessionStore(ReadConnectionPool readers, GroupCommit commits, SessionMetrics metrics) : IUserSessionStore
{
    /// <summary>Where ends are written, and how the rows go: in the order in which they lie.</summary>
    public static readonly Journal Journal = new(
        """DELETE FROM "UserSessions" WHERE "Key" IN (SELECT "Key" FROM "EndedSessions" ORDER BY "Key" LIMIT @p0)""",
        """DELETE FROM "EndedSessions" WHERE "Key" IN (SELECT "Key" FROM "EndedSessions" ORDER BY "Key" LIMIT @p0)""");

    // Look-ups are not cancelled when a client hangs up: its logout would be lost with them.
    public Task<StoredSession?> FindAsync(TokenHash tokenHash) => readers.ReadAsync(connection => StoredSessionQuery.FindAsync(connection, tokenHash));

    public async Task<IReadOnlyList<UserSession>> ListAsync(int userId) =>
        await readers.ReadAsync(connection => StoredSessionQuery.ListAsync(connection, userId));

    public async Task<IReadOnlyList<TokenHash>> StartAsync(UserSession session, SessionStart start, AuditEntry entry)
    {
        var all = await commits.WriteAsync(async connection =>
        {
            var ended = new List<Ended>();
            if (start.Replaces is { } replaces)
            {
                await EndOtherAsync(replaces, AuditEvent.SessionReplaced);
            }

            if (await CountAsync(connection.Prepare("""SELECT count(*) FROM "LiveSessions" WHERE "UserId" = @p0""", session.UserId)) >= start.MaxPerUser)
            {
                // What time has ended already does not take the room of what lives.
                var others = (await StoredSessionQuery.ListAsync(connection, session.UserId))
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

            await InsertAsync(connection, session);
            await AuditTrail.InsertAsync(connection, entry);
            return ended;

            async Task EndOtherAsync(UserSession other, AuditEvent what)
            {
                var end = entry with { Event = what, UserId = other.UserId, SessionId = other.Id, BySessionId = session.Id };
                if (await EndAsync(connection, other, end) is { } one)
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
        var ended = await commits.WriteAsync(connection => EndAsync(connection, session, entry));
        return ended is { } one ? Count([one])[0] : null;
    }

    public async Task<IReadOnlyList<TokenHash>> EndAllAsync(int userId, Guid? except, Func<Guid, AuditEntry> entry) =>
        Count(await commits.WriteAsync(async connection =>
        {
            var ended = new List<Ended>();
            foreach (var session in (await StoredSessionQuery.ListAsync(connection, userId)).Where(session => session.Id != except))
            {
                if (await EndAsync(connection, session.TokenHash, session.Id, entry(session.Id)) is { } one)
                {
                    ended.Add(one);
                }
            }

            return ended;
        }));

    public Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry) =>
        commits.WriteAsync(async connection =>
        {
            var renewed = await connection.Prepare(
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
                await AuditTrail.InsertAsync(connection, entry);
            }

            return renewed;
        });

    public Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen) =>
        commits.WriteAsync(async connection =>
        {
            foreach (var (userId, id, at, idleExpiresAt) in lastSeen)
            {
                await connection.Prepare(
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
        var from = long.MinValue;
        while (true)
        {
            var expired = await FindExpiredAsync(now, from, batch);
            if (expired.Count > 0)
            {
                from = expired[^1].TokenHash.Prefix;
                yield return await EndAsync(expired, now);
            }

            if (expired.Count < batch)
            {
                yield break;
            }
        }
    }

    public Task<int> CountLiveAsync(DateTimeOffset now) => readers.ReadAsync(connection =>
        CountAsync(connection.Prepare("""SELECT count(*) FROM "LiveSessions" WHERE "IdleExpiresAt" > @p0""", now.ToUnixTimeMilliseconds())));

    private static async Task<int> CountAsync(DbCommand command) => Convert.ToInt32(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);

    private Task<List<Expired>> FindExpiredAsync(DateTimeOffset now, long from, int limit) => readers.ReadAsync(async connection =>
    {
        var expired = new List<Expired>();
        await using var rows = await connection.Prepare(
            """
            SELECT "TokenHash", "UserId", "Id" FROM "LiveSessions" WHERE "Key" >= @p0 AND "IdleExpiresAt" <= @p1 ORDER BY "Key" LIMIT @p2
            """,
            from,
            now.ToUnixTimeMilliseconds(),
            limit).ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            expired.Add(new Expired(new TokenHash((byte[])rows[0]), rows.GetInt32(1), rows.GetGuid(2)));
        }

        return expired;
    });

    // One may have been used since it was looked for, and live on.
    private async Task<IReadOnlyList<TokenHash>> EndAsync(List<Expired> expired, DateTimeOffset now) =>
        Count(await commits.WriteAsync(async connection =>
        {
            var ended = new List<Ended>();
            foreach (var session in expired)
            {
                var entry = new AuditEntry { At = now, Event = AuditEvent.SessionExpired, UserId = session.UserId, SessionId = session.Id };
                if (await EndAsync(connection, session.TokenHash, session.Id, entry, expiredAt: now) is { } one)
                {
                    ended.Add(one);
                }
            }

            return ended;
        }));

    private static Task<int> InsertAsync(PreparedConnection connection, UserSession session) => connection.Prepare(
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
    private static async Task<Ended?> EndAsync(PreparedConnection connection, TokenHash tokenHash, Guid sessionId, AuditEntry entry, DateTimeOffset? expiredAt = null)
    {
        var count = await connection.Prepare(
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

        await AuditTrail.InsertAsync(connection, entry);
        return new Ended(tokenHash, entry.Event);
    }

    // By the token that it has now, which may have been renewed since it was read.
    private static async Task<Ended?> EndAsync(PreparedConnection connection, UserSession session, AuditEntry entry) =>
        await EndAsync(connection, session.TokenHash, session.Id, entry) is { } ended
            ? ended
            : await connection.Prepare(
                """SELECT "TokenHash" FROM "LiveSessions" WHERE "UserId" = @p0 AND "Id" = @p1""", session.UserId, session.Id).ExecuteScalarAsync() is byte[] renewed
                ? await EndAsync(connection, new TokenHash(renewed), session.Id, entry)
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
