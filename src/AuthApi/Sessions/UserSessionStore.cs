using System.Data.Common;
using System.Globalization;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Storage;

namespace AuthApi.Sessions;

/// <summary>
/// Sessions in the database. A session is never updated into being: a start inserts, a last use or a renewal updates a row
/// that is there or does nothing, and an end deletes the row, in the transaction of its audit entry.
/// </summary>
internal sealed class UserSessionStore(ReadConnectionPool readers, GroupCommit commits) : IUserSessionStore
{
    // Look-ups are not cancelled when a client hangs up: its logout would be lost with them.
    public Task<StoredSession?> FindAsync(TokenHash tokenHash) => readers.ReadAsync(connection => StoredSessionQuery.FindAsync(connection, tokenHash));

    public async Task<IReadOnlyList<UserSession>> ListAsync(int userId) =>
        await readers.ReadAsync(connection => StoredSessionQuery.ListAsync(connection, userId));

    public Task<IReadOnlyList<EndedSession>> StartAsync(UserSession session, SessionStart start) =>
        commits.WriteAsync<IReadOnlyList<EndedSession>>(async connection =>
        {
            var ended = new List<EndedSession>();
            foreach (var replaced in start.Replaces)
            {
                await EndOtherAsync(replaced, AuditEvent.SessionReplaced);
            }

            if (await CountAsync(connection.Prepare("""SELECT count(*) FROM "UserSessions" WHERE "UserId" = @p0""", session.UserId)) >= start.MaxPerUser)
            {
                // A session that has expired takes no room from one that lives.
                var others = (await StoredSessionQuery.ListAsync(connection, session.UserId))
                    .ToLookup(other => other.IdleExpiresAtFrom(start.LastUseOf(other)) > session.CreatedAt);
                foreach (var expired in others[false])
                {
                    await EndOtherAsync(expired, AuditEvent.SessionExpired);
                }

                foreach (var leastRecentlyUsed in others[true].OrderByDescending(start.LastUseOf).Skip(start.MaxPerUser - 1))
                {
                    await EndOtherAsync(leastRecentlyUsed, AuditEvent.SessionEvicted);
                }
            }

            await InsertAsync(connection, session);
            await AuditTrail.InsertAsync(connection, new AuditEntry
            {
                At = session.CreatedAt,
                Event = AuditEvent.SignedIn,
                UserId = session.UserId,
                SessionId = session.Id,
                IpAddress = session.IpAddress,
                UserAgent = session.UserAgent,
            });
            return ended;

            async Task EndOtherAsync(UserSession other, AuditEvent what)
            {
                var cause = new SessionEnd(what, new ClientInfo(session.IpAddress, session.UserAgent), session.Id);
                if (await EndAsync(connection, other.UserId, other.Id, cause, session.CreatedAt) is { } one)
                {
                    ended.Add(one);
                }
            }
        });

    public Task<EndedSession?> EndAsync(int userId, Guid sessionId, SessionEnd cause, DateTimeOffset at) =>
        commits.WriteAsync(connection => EndAsync(connection, userId, sessionId, cause, at));

    // Two statements, however many sessions there are: ten thousand hold the writer for less than half of the time that one by one takes.
    public Task<IReadOnlyList<EndedSession>> EndAllAsync(int userId, SessionEnd cause, DateTimeOffset at, Guid? except = null) =>
        commits.WriteAsync<IReadOnlyList<EndedSession>>(async connection =>
        {
            await connection.Prepare(
                """
                INSERT INTO "AuditEntries" ("At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
                SELECT @p2, CASE "Id" WHEN @p3 THEN @p4 ELSE @p5 END, "UserId", "Id", NULLIF(@p3, "Id"), @p6, @p7, @p8
                FROM "UserSessions" WHERE "UserId" = @p0 AND "Id" IS NOT @p1
                """,
                userId,
                except,
                at.ToUnixTimeMilliseconds(),
                cause.BySessionId,
                AuditEventNames.ToStored(AuditEvent.SignedOut),
                AuditEventNames.ToStored(cause.Event),
                cause.Reason,
                cause.Client.IpAddress,
                cause.Client.UserAgent).ExecuteNonQueryAsync();

            var ended = new List<EndedSession>();
            await using var rows = await connection.Prepare(
                """DELETE FROM "UserSessions" WHERE "UserId" = @p0 AND "Id" IS NOT @p1 RETURNING "Id", "TokenHash" """, userId, except).ExecuteReaderAsync();
            while (await rows.ReadAsync())
            {
                var entry = cause.EntryFor(userId, rows.GetGuid(0), at);
                ended.Add(new EndedSession(userId, rows.GetGuid(0), new TokenHash((byte[])rows[1]), entry.Event, entry.Reason));
            }

            return ended;
        });

    public Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry) =>
        commits.WriteAsync(async connection =>
        {
            var renewed = await connection.Prepare(
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
    public async IAsyncEnumerable<IReadOnlyList<EndedSession>> DeleteExpiredAsync(DateTimeOffset now, int batch)
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
        CountAsync(connection.Prepare("""SELECT count(*) FROM "UserSessions" WHERE "IdleExpiresAt" > @p0""", now.ToUnixTimeMilliseconds())));

    private static async Task<int> CountAsync(DbCommand command) => Convert.ToInt32(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);

    private Task<List<Expired>> FindExpiredAsync(DateTimeOffset now, long from, int limit) => readers.ReadAsync(async connection =>
    {
        var expired = new List<Expired>();
        await using var rows = await connection.Prepare(
            """
            SELECT "TokenHash", "UserId", "Id" FROM "UserSessions" WHERE "Key" >= @p0 AND "IdleExpiresAt" <= @p1 ORDER BY "Key" LIMIT @p2
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
    private Task<IReadOnlyList<EndedSession>> EndAsync(List<Expired> expired, DateTimeOffset now) =>
        commits.WriteAsync<IReadOnlyList<EndedSession>>(async connection =>
        {
            var ended = new List<EndedSession>();
            var cause = new SessionEnd(AuditEvent.SessionExpired);
            foreach (var session in expired)
            {
                if (await EndAsync(connection, session.UserId, session.Id, cause, now, onlyExpired: true) is { } one)
                {
                    ended.Add(one);
                }
            }

            return ended;
        });

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

    // By its id, as its token may have been renewed since it was read. A delete that finds no row ended nothing: another call did, and wrote the entry.
    private static async Task<EndedSession?> EndAsync(
        PreparedConnection connection, int userId, Guid sessionId, SessionEnd cause, DateTimeOffset at, bool onlyExpired = false)
    {
        var tokenHash = await connection.Prepare(
            """DELETE FROM "UserSessions" WHERE "UserId" = @p0 AND "Id" = @p1 AND "IdleExpiresAt" <= @p2 RETURNING "TokenHash" """,
            userId,
            sessionId,
            onlyExpired ? at.ToUnixTimeMilliseconds() : long.MaxValue).ExecuteScalarAsync();
        if (tokenHash is not byte[] bytes)
        {
            return null;
        }

        var entry = cause.EntryFor(userId, sessionId, at);
        await AuditTrail.InsertAsync(connection, entry);
        return new EndedSession(userId, sessionId, new TokenHash(bytes), entry.Event, entry.Reason);
    }

    private sealed record Expired(TokenHash TokenHash, int UserId, Guid Id);
}
