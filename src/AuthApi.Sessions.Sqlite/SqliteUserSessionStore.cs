using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// Sessions in the application's SQLite database. A session is never updated into being: a start inserts, a last use or a renewal updates a row
/// that is there or does nothing, and an end deletes the row, in the transaction of its event.
/// </summary>
internal sealed class SqliteUserSessionStore(ReadConnectionPool readers, GroupCommit commits, SessionSchema schema, ISessionUserReader? users = null) : IUserSessionStore
{
    // As they are stored, whatever the names in the code.
    private const string Cookie = "Cookie";
    private const string Header = "Header";

    private static readonly long MinTime = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    private static readonly long MaxTime = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    // What ReadSession reads, before what is read of the user.
    private const int ColumnCount = 16;

    private readonly Statements _sql = new(schema, users);

    // Look-ups are not cancelled when a client hangs up: its logout would be lost with them.
    public Task<UserSession?> FindAsync(TokenHash tokenHash) => readers.ReadAsync(async connection =>
    {
        await using var row = await connection.Prepare(_sql.Find, tokenHash.Prefix, tokenHash.ToArray()).ExecuteReaderAsync();
        return !await row.ReadAsync() ? null : users is null ? ReadSession(row) : ReadSession(row) with { User = users.Read(row, ColumnCount) };
    });

    public Task<UserSession?> FindAsync(string userId, Guid sessionId) => readers.ReadAsync(async connection =>
    {
        await using var row = await connection.Prepare(_sql.FindById, schema.ToColumn(userId), sessionId).ExecuteReaderAsync();
        return await row.ReadAsync() ? ReadSession(row) : null;
    });

    public async Task<IReadOnlyList<UserSession>> ListAsync(string userId) =>
        await readers.ReadAsync(connection => ListAsync(connection, schema.ToColumn(userId)));

    public Task<IReadOnlyList<EndedSession>?> StartAsync(UserSession session, SessionStart start) =>
        commits.WriteAsync<IReadOnlyList<EndedSession>?>(async connection =>
        {
            var userId = schema.ToColumn(session.UserId);
            var ended = new List<EndedSession>();

            // The writer is the only one who writes: what is read here does not change before the commit.
            if (await CountAsync(connection.Prepare(_sql.CountUser, userId, start.SecurityStamp)) == 0)
            {
                return null;
            }

            if (start.MustBeFirst && await CountAsync(connection.Prepare(_sql.CountStarts, userId, session.Id, AuditEvent.SignedIn)) > 0)
            {
                return null;
            }

            // What must end first: where it has ended before, nothing is written.
            foreach (var replaced in start.Replaces.OrderByDescending(replaced => replaced.Id == start.MustEnd))
            {
                await EndOtherAsync(replaced, AuditEvent.SessionReplaced);
                if (replaced.Id == start.MustEnd && ended.Count == 0)
                {
                    return null;
                }
            }

            if (start.MustEnd is not null && ended.Count == 0)
            {
                return null;
            }

            if (await CountAsync(connection.Prepare(_sql.CountOfUser, userId)) >= start.MaxPerUser)
            {
                // A session that has expired takes no room from one that lives.
                var others = (await ListAsync(connection, userId))
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
            await InsertAsync(connection, new AuditEntry
            {
                At = session.CreatedAt,
                Event = AuditEvent.SignedIn,
                UserId = session.UserId,
                SessionId = session.Id,
                IpAddress = session.IpAddress,
                UserAgent = session.UserAgent,
            });
            return ended;

            async Task EndOtherAsync(UserSession other, string what)
            {
                var cause = new SessionEnd(what, new ClientInfo(session.IpAddress, session.UserAgent), session.Id);
                if (await EndAsync(connection, other.UserId, other.Id, cause, session.CreatedAt) is { } one)
                {
                    ended.Add(one);
                }
            }
        });

    public Task<EndedSession?> EndAsync(string userId, Guid sessionId, SessionEnd cause, DateTimeOffset at, bool onlyExpired = false) =>
        commits.WriteAsync(connection => EndAsync(connection, userId, sessionId, cause, at, onlyExpired));

    public Task<IReadOnlyList<EndedSession>> EndAllAsync(string userId, SessionEnd cause, DateTimeOffset at, Guid? except) =>
        commits.WriteAsync(connection => EndAllAsync(connection.Prepare, userId, cause, at, except));

    public Task<IReadOnlyList<EndedSession>> EndAllAsync(
        DbConnection connection, DbTransaction? transaction, string userId, SessionEnd cause, DateTimeOffset at, Guid? except) =>
        EndAllAsync((sql, values) => PreparedConnection.Create((SqliteConnection)connection, (SqliteTransaction?)transaction, sql, values), userId, cause, at, except);

    public Task RaisePrincipalVersionAsync(string? userId) => commits.WriteAsync(connection => userId is null
        ? connection.Prepare(_sql.RaiseVersionOfAll).ExecuteNonQueryAsync()
        : connection.Prepare(_sql.RaiseVersion, schema.ToColumn(userId)).ExecuteNonQueryAsync());

    public async Task RaisePrincipalVersionAsync(DbConnection connection, DbTransaction? transaction, string? userId)
    {
        await using var command = userId is null
            ? PreparedConnection.Create((SqliteConnection)connection, (SqliteTransaction?)transaction, _sql.RaiseVersionOfAll)
            : PreparedConnection.Create((SqliteConnection)connection, (SqliteTransaction?)transaction, _sql.RaiseVersion, schema.ToColumn(userId));
        await command.ExecuteNonQueryAsync();
    }

    public Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry) =>
        commits.WriteAsync(async connection =>
        {
            var renewed = await connection.Prepare(
                _sql.Renew,
                session.Key,
                session.TokenHash.ToArray(),
                tokenHash.Prefix,
                tokenHash.ToArray(),
                authenticatedAt.ToUnixTimeMilliseconds(),
                session.Id,
                string.Join(' ', session.AuthenticationMethods)).ExecuteNonQueryAsync() == 1;
            if (renewed)
            {
                await InsertAsync(connection, entry);
            }

            return renewed;
        });

    public Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen) =>
        commits.WriteAsync(async connection =>
        {
            foreach (var use in lastSeen)
            {
                await connection.Prepare(
                    _sql.WriteLastSeen,
                    schema.ToColumn(use.UserId),
                    use.SessionId,
                    use.At.ToUnixTimeMilliseconds(),
                    use.IdleExpiresAt.ToUnixTimeMilliseconds(),
                    use.Client.IpAddress,
                    use.Client.UserAgent).ExecuteNonQueryAsync();
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
        CountAsync(connection.Prepare(_sql.CountLive, now.ToUnixTimeMilliseconds())));

    public Task<IReadOnlyList<AuditEntry>> ListEventsAsync(string userId, long before, int limit) => readers.ReadAsync<IReadOnlyList<AuditEntry>>(async connection =>
    {
        var entries = new List<AuditEntry>();
        await using var rows = await connection.Prepare(_sql.ListEvents, schema.ToColumn(userId), before, limit).ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            entries.Add(new AuditEntry
            {
                Id = rows.GetInt64(0),
                At = Time(rows, 1),
                Event = rows.GetString(2),
                UserId = userId,
                SessionId = rows.IsDBNull(3) ? null : rows.GetGuid(3),
                BySessionId = rows.IsDBNull(4) ? null : rows.GetGuid(4),
                Reason = Text(rows, 5),
                IpAddress = Text(rows, 6),
                UserAgent = Text(rows, 7),
            });
        }

        return entries;
    });

    public Task<bool> WasStartedAsync(string userId, Guid sessionId) => readers.ReadAsync(async connection =>
        await CountAsync(connection.Prepare(_sql.CountStarts, schema.ToColumn(userId), sessionId, AuditEvent.SignedIn)) > 0);

    public async Task<DateTimeOffset?> LastEventAtAsync() =>
        await readers.ReadAsync(connection => connection.Prepare(_sql.LastEventAt).ExecuteScalarAsync()) is long at ? FromMilliseconds(at) : null;

    public Task<int> DeleteEventsAsync(DateTimeOffset before, int limit) =>
        commits.WriteAsync(connection => connection.Prepare(_sql.DeleteEvents, before.ToUnixTimeMilliseconds(), limit).ExecuteNonQueryAsync());

    public async Task ProbeAsync()
    {
        // Setting it to what it is is a write all the same, which SQLite logs and syncs.
        await commits.WriteAsync(connection => connection.Prepare("PRAGMA user_version = 1").ExecuteNonQueryAsync());

        // Some session as a request finds it, another one each time, so that a damaged page is found here as soon as there.
        var from = SessionToken.Create().Hash.Prefix;
        var found = await readers.ReadAsync(connection => connection.Prepare(_sql.SomeTokenHash, from).ExecuteScalarAsync());
        var session = await FindAsync(found is byte[] bytes ? new TokenHash(bytes) : default);
        var userId = session?.UserId ?? "0";
        await ListAsync(userId);
        await ListEventsAsync(userId, long.MaxValue, 1);
        await readers.ReadAsync(connection => connection.Prepare(_sql.SomeUser).ExecuteScalarAsync());
    }

    public bool IsOutOfReach(Exception? exception) => StoreFailures.IsOutOfReach(exception);

    private static async Task<int> CountAsync(DbCommand command) => Convert.ToInt32(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);

    private Task<List<Expired>> FindExpiredAsync(DateTimeOffset now, long from, int limit) => readers.ReadAsync(async connection =>
    {
        var expired = new List<Expired>();
        await using var rows = await connection.Prepare(
            _sql.FindExpired,
            from,
            now.ToUnixTimeMilliseconds(),
            limit).ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            expired.Add(new Expired(new TokenHash((byte[])rows[0]), schema.FromColumn(rows, 1), rows.GetGuid(2)));
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

    private Task<int> InsertAsync(PreparedConnection connection, UserSession session) => connection.Prepare(
        _sql.Insert,
        session.Key,
        session.Id,
        schema.ToColumn(session.UserId),
        session.TokenHash.ToArray(),
        session.CreatedAt.ToUnixTimeMilliseconds(),
        session.LastSeenAt.ToUnixTimeMilliseconds(),
        session.IdleExpiresAt.ToUnixTimeMilliseconds(),
        session.AbsoluteExpiresAt.ToUnixTimeMilliseconds(),
        session.AuthenticatedAt.ToUnixTimeMilliseconds(),
        string.Join(' ', session.AuthenticationMethods),
        session.Transport == SessionTransport.Header ? Header : Cookie,
        session.RememberMe,
        session.IpAddress,
        session.UserAgent).ExecuteNonQueryAsync();

    // By its id, as its token may have been renewed since it was read. A delete that finds no row ended nothing: another call did, and wrote the entry.
    private async Task<EndedSession?> EndAsync(
        PreparedConnection connection, string userId, Guid sessionId, SessionEnd cause, DateTimeOffset at, bool onlyExpired = false)
    {
        var tokenHash = await connection.Prepare(
            _sql.End,
            schema.ToColumn(userId),
            sessionId,
            onlyExpired ? at.ToUnixTimeMilliseconds() : long.MaxValue).ExecuteScalarAsync();
        if (tokenHash is not byte[] bytes)
        {
            return null;
        }

        var entry = cause.EntryFor(userId, sessionId, at);
        await InsertAsync(connection, entry);
        return new EndedSession(userId, sessionId, new TokenHash(bytes), entry.Event, entry.Reason);
    }

    // Two statements, however many sessions there are: ten thousand hold the writer for less than half of the time that one by one takes.
    private async Task<IReadOnlyList<EndedSession>> EndAllAsync(Prepare prepare, string userId, SessionEnd cause, DateTimeOffset at, Guid? except)
    {
        var key = schema.ToColumn(userId);
        await prepare(
            _sql.InsertEndsOfAll,
            [
                key,
                except,
                at.ToUnixTimeMilliseconds(),
                cause.BySessionId,
                AuditEvent.SignedOut,
                cause.Event,
                cause.Reason,
                cause.Client.IpAddress,
                cause.Client.UserAgent,
            ]).ExecuteNonQueryAsync();

        var ended = new List<EndedSession>();
        await using var rows = await prepare(_sql.EndAll, [key, except]).ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            var entry = cause.EntryFor(userId, rows.GetGuid(0), at);
            ended.Add(new EndedSession(userId, rows.GetGuid(0), new TokenHash((byte[])rows[1]), entry.Event, entry.Reason));
        }

        return ended;
    }

    // Every logout does it.
    private Task<int> InsertAsync(PreparedConnection connection, AuditEntry entry) => connection.Prepare(
        _sql.InsertEvent,
        entry.At.ToUnixTimeMilliseconds(),
        entry.Event,
        schema.ToColumn(entry.UserId),
        entry.SessionId,
        entry.BySessionId,
        entry.Reason,
        entry.IpAddress,
        entry.UserAgent).ExecuteNonQueryAsync();

    private async Task<List<UserSession>> ListAsync(PreparedConnection connection, object? userId)
    {
        List<UserSession> sessions = [];
        await using var rows = await connection.Prepare(_sql.List, userId).ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            sessions.Add(ReadSession(rows));
        }

        return sessions;
    }

    private UserSession ReadSession(DbDataReader row) => new()
    {
        Id = row.GetGuid(0),
        UserId = schema.FromColumn(row, 1),
        TokenHash = new TokenHash((byte[])row[2]),
        CreatedAt = Time(row, 3),
        LastSeenAt = Time(row, 4),
        IdleExpiresAt = Time(row, 5),
        AbsoluteExpiresAt = Time(row, 6),
        AuthenticatedAt = Time(row, 7),
        AuthenticationMethods = row.GetString(8).Split(' ', StringSplitOptions.RemoveEmptyEntries),
        Transport = row.GetString(9) == Header ? SessionTransport.Header : SessionTransport.Cookie,
        RememberMe = row.GetBoolean(10),
        IpAddress = Text(row, 11),
        UserAgent = Text(row, 12),
        LastIpAddress = Text(row, 13),
        LastUserAgent = Text(row, 14),
        PrincipalVersion = row.GetInt32(15),
    };

    private static string? Text(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset Time(DbDataReader row, int column) => FromMilliseconds(row.GetInt64(column));

    private static DateTimeOffset FromMilliseconds(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(milliseconds, MinTime, MaxTime));

    private delegate DbCommand Prepare(string sql, params ReadOnlySpan<object?> values);

    private sealed record Expired(TokenHash TokenHash, string UserId, Guid Id);

    // Made once, from the names in the application's model.
    private sealed class Statements(SessionSchema schema, ISessionUserReader? users)
    {
        private const string Columns =
            """
            s."Id", s."UserId", s."TokenHash", s."CreatedAt", s."LastSeenAt", s."IdleExpiresAt", s."AbsoluteExpiresAt", s."AuthenticatedAt",
            s."AuthenticationMethods", s."Transport", s."RememberMe", s."IpAddress", s."UserAgent", s."LastIpAddress", s."LastUserAgent", s."PrincipalVersion"
            """;

        public string Find { get; } =
            $"""
            SELECT {Columns}{(users is null ? "" : $", {users.Columns}")} FROM {schema.Sessions} AS s
            {(users is null ? "" : $"""JOIN {schema.Users} AS u ON u.{schema.UserIdColumn} = s."UserId" """)}WHERE s."Key" = @p0 AND s."TokenHash" = @p1
            """;

        public string FindById { get; } = $"""SELECT {Columns} FROM {schema.Sessions} AS s WHERE s."UserId" = @p0 AND s."Id" = @p1""";

        public string List { get; } = $"""SELECT {Columns} FROM {schema.Sessions} AS s WHERE s."UserId" = @p0""";

        public string CountOfUser { get; } = $"""SELECT count(*) FROM {schema.Sessions} WHERE "UserId" = @p0""";

        public string CountUser { get; } = schema.SecurityStampColumn is { } stamp
            ? $"SELECT count(*) FROM {schema.Users} WHERE {schema.UserIdColumn} = @p0 AND (@p1 IS NULL OR {stamp} = @p1)"
            : $"SELECT count(*) FROM {schema.Users} WHERE {schema.UserIdColumn} = @p0";

        public string CountLive { get; } = $"""SELECT count(*) FROM {schema.Sessions} WHERE "IdleExpiresAt" > @p0""";

        public string CountStarts { get; } =
            $"""SELECT count(*) FROM {schema.AuditEntries} WHERE "UserId" = @p0 AND "SessionId" = @p1 AND "Event" = @p2""";

        public string SomeTokenHash { get; } = $"""SELECT "TokenHash" FROM {schema.Sessions} WHERE "Key" >= @p0 ORDER BY "Key" LIMIT 1""";

        public string SomeUser { get; } = $"SELECT EXISTS (SELECT 1 FROM {schema.Users})";

        public string Insert { get; } =
            $"""
            INSERT INTO {schema.Sessions} ("Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt",
                "AuthenticationMethods", "Transport", "RememberMe", "IpAddress", "UserAgent")
            VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12, @p13)
            """;

        public string End { get; } =
            $"""DELETE FROM {schema.Sessions} WHERE "UserId" = @p0 AND "Id" = @p1 AND "IdleExpiresAt" <= @p2 RETURNING "TokenHash" """;

        public string EndAll { get; } =
            $"""DELETE FROM {schema.Sessions} WHERE "UserId" = @p0 AND "Id" IS NOT @p1 RETURNING "Id", "TokenHash" """;

        public string Renew { get; } =
            $"""
            UPDATE {schema.Sessions} SET "Key" = @p2, "TokenHash" = @p3, "AuthenticatedAt" = @p4, "AuthenticationMethods" = @p6
            WHERE "Key" = @p0 AND "TokenHash" = @p1 AND "Id" = @p5
            """;

        public string RaiseVersion { get; } = $"""UPDATE {schema.Sessions} SET "PrincipalVersion" = "PrincipalVersion" + 1 WHERE "UserId" = @p0""";

        public string RaiseVersionOfAll { get; } = $"""UPDATE {schema.Sessions} SET "PrincipalVersion" = "PrincipalVersion" + 1""";

        public string WriteLastSeen { get; } =
            $"""
            UPDATE {schema.Sessions} SET "LastSeenAt" = @p2, "IdleExpiresAt" = @p3, "LastIpAddress" = @p4, "LastUserAgent" = @p5
            WHERE "UserId" = @p0 AND "Id" = @p1 AND "LastSeenAt" <= @p2
            """;

        public string FindExpired { get; } =
            $"""SELECT "TokenHash", "UserId", "Id" FROM {schema.Sessions} WHERE "Key" >= @p0 AND "IdleExpiresAt" <= @p1 ORDER BY "Key" LIMIT @p2""";

        public string InsertEvent { get; } =
            $"""
            INSERT INTO {schema.AuditEntries} ("At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
            VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7)
            """;

        public string InsertEndsOfAll { get; } =
            $"""
            INSERT INTO {schema.AuditEntries} ("At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
            SELECT @p2, CASE "Id" WHEN @p3 THEN @p4 ELSE @p5 END, "UserId", "Id", NULLIF(@p3, "Id"), @p6, @p7, @p8
            FROM {schema.Sessions} WHERE "UserId" = @p0 AND "Id" IS NOT @p1
            """;

        public string ListEvents { get; } =
            $"""
            SELECT "Id", "At", "Event", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent" FROM {schema.AuditEntries}
            WHERE "UserId" = @p0 AND "Id" < @p1 ORDER BY "Id" DESC LIMIT @p2
            """;

        public string LastEventAt { get; } = $"""SELECT "At" FROM {schema.AuditEntries} ORDER BY "Id" DESC LIMIT 1""";

        public string DeleteEvents { get; } =
            $"""DELETE FROM {schema.AuditEntries} WHERE "Id" IN (SELECT "Id" FROM {schema.AuditEntries} WHERE "At" < @p0 ORDER BY "At" LIMIT @p1)""";
    }
}
