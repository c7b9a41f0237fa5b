using System.Data.Common;
using System.Transactions;
using Npgsql;
using NpgsqlTypes;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>
/// Sessions in the application's PostgreSQL database, which any number of nodes share. A session is never updated into being: a start inserts, a last use or a
/// renewal updates a row that is there or does nothing, and an end deletes the row, in the transaction of its event. Where a statement writes several rows it
/// locks them in the order of their keys.
/// </summary>
internal sealed class PostgreSqlUserSessionStore(PostgreSqlDatabase database, SessionSchema schema, SharedRead reads, SharedFind finds, SharedEnd ends) : IUserSessionStore
{
    // How many rows a look for expired ones reads at a time.
    private const int PageSize = 10_000;

    // Seconds. What no request waits for, or an administrator's does.
    private const int MaintenanceTimeout = 60;

    private readonly Statements _sql = new(schema);
    private readonly SessionRow _row = new(schema);
    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, 256).Select(_ => new SemaphoreSlim(1))];

    public bool IsShared => true;

    public Task<int?> ConfirmAsync(TokenHash tokenHash) => reads.CallAsync(tokenHash);

    // Look-ups are not cancelled when a client hangs up: its logout would be lost with them.
    public Task<UserSession?> FindAsync(TokenHash tokenHash) => finds.CallAsync(tokenHash);

    public async Task<UserSession?> FindAsync(string userId, Guid sessionId)
    {
        if (schema.ToColumn(userId) is not { } key)
        {
            return null;
        }

        return await ReadAsync(async (connection, cancellationToken) =>
        {
            await using var command = On(connection, _sql.FindById, key, sessionId);
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            return await row.ReadAsync(cancellationToken) ? _row.Read(row) : null;
        });
    }

    public async Task<IReadOnlyList<UserSession>> ListAsync(string userId)
    {
        if (schema.ToColumn(userId) is not { } key)
        {
            return [];
        }

        return await ReadAsync((connection, cancellationToken) => ListAsync(connection, key, cancellationToken));
    }

    public async Task<IReadOnlyList<EndedSession>?> StartAsync(UserSession session, SessionStart start)
    {
        const int attempts = 3;

        // Those who wait for the same user's row wait here: on connections they would leave none for others.
        var turn = _turns[(uint)session.UserId.GetHashCode() % (uint)_turns.Length];
        if (!await turn.WaitAsync(PostgreSqlDatabase.MaxWait))
        {
            throw new StoreUnavailableException("Too many logins of one user wait.");
        }

        try
        {
            await reads.EnsureAnsweringAsync();
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    return await database.RunAsync((connection, cancellationToken) => StartOnceAsync(connection, session, start, cancellationToken));
                }
                catch (PostgresException exception) when (PostgreSqlFailures.IsConflict(exception) && attempt < attempts)
                {
                    // Rolled back as a whole.
                }
            }
        }
        finally
        {
            turn.Release();
        }
    }

    public async Task<EndedSession?> EndAsync(string userId, Guid sessionId, SessionEnd cause, DateTimeOffset at, bool onlyExpired = false)
    {
        if (schema.ToColumn(userId) is not { } key)
        {
            return null;
        }

        var entry = cause.EntryFor(userId, sessionId, at);
        return await ends.EndAsync(new End(key, sessionId, entry, onlyExpired ? at : DateTimeOffset.MaxValue)) is { } tokenHash
            ? new EndedSession(userId, sessionId, tokenHash, entry.Event, entry.Reason)
            : null;
    }

    public async Task<IReadOnlyList<EndedSession>> EndAllAsync(string userId, SessionEnd cause, DateTimeOffset at, Guid? except = null)
    {
        await reads.EnsureAnsweringAsync();
        return await database.RunAsync((connection, cancellationToken) => EndAllAsync(connection, transaction: null, userId, cause, at, except, cancellationToken));
    }

    public Task<IReadOnlyList<EndedSession>> EndAllAsync(
        DbConnection connection, DbTransaction? transaction, string userId, SessionEnd cause, DateTimeOffset at, Guid? except)
    {
        EnsureReadCommitted(transaction);
        return EndAllAsync((NpgsqlConnection)connection, (NpgsqlTransaction?)transaction, userId, cause, at, except, CancellationToken.None);
    }

    public async Task RaisePrincipalVersionAsync(string? userId)
    {
        await reads.EnsureAnsweringAsync();
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await RaisePrincipalVersionAsync(connection, transaction: null, userId);
    }

    public async Task RaisePrincipalVersionAsync(DbConnection connection, DbTransaction? transaction, string? userId)
    {
        EnsureReadCommitted(transaction);
        if (userId is null)
        {
            await using var batch = Batch((NpgsqlConnection)connection, (NpgsqlTransaction?)transaction, Of(_sql.LockStarts), Of(_sql.RaiseVersionOfAll));
            batch.Timeout = MaintenanceTimeout;
            await batch.ExecuteNonQueryAsync();
        }
        else if (schema.ToColumn(userId) is { } key)
        {
            await using var batch = Batch((NpgsqlConnection)connection, (NpgsqlTransaction?)transaction, Of(_sql.LockUser, key), Of(_sql.RaiseVersion, key));
            await batch.ExecuteNonQueryAsync();
        }
    }

    public async Task<bool> RenewAsync(UserSession session, TokenHash tokenHash, DateTimeOffset authenticatedAt, AuditEntry entry)
    {
        await reads.EnsureAnsweringAsync();
        return await database.RunAsync(async (connection, cancellationToken) =>
        {
            await using var command = On(
                connection,
                _sql.Renew,
                session.Key,
                session.TokenHash.ToArray(),
                session.Id,
                tokenHash.Prefix,
                tokenHash.ToArray(),
                authenticatedAt.ToUniversalTime(),
                entry.At.ToUniversalTime(),
                entry.Event,
                Text(entry.Reason),
                Text(entry.IpAddress),
                Text(entry.UserAgent),
                string.Join(' ', session.AuthenticationMethods));
            return await command.ExecuteScalarAsync(cancellationToken) is not null;
        });
    }

    public async Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen)
    {
        // A row that is locked is being ended, or used elsewhere: it is waited for last, so that it does not hold up the others.
        var written = await WriteLastSeenAsync(_sql.WriteLastSeen, lastSeen);
        var others = lastSeen.Where(use => !written.Contains(use.SessionId)).ToList();
        if (others.Count > 0)
        {
            await WriteLastSeenAsync(_sql.WriteLastSeenOfLocked, others);
        }
    }

    // They are looked for in the order of the key, page by page: an index by expiry would have to be kept at every start, use and end, and one statement for
    // all would take as long as the table is large.
    public async IAsyncEnumerable<IReadOnlyList<EndedSession>> DeleteExpiredAsync(DateTimeOffset now, int batch)
    {
        long? from = long.MinValue;
        while (from is { } first)
        {
            var (last, isLast) = await ReadPageAsync(first);
            var ended = new List<EndedSession>();
            await using (var command = Command(_sql.DeleteExpired, first, last, now.ToUniversalTime(), batch, AuditEvent.SessionExpired))
            await using (var rows = await command.ExecuteReaderAsync())
            {
                while (await rows.ReadAsync())
                {
                    ended.Add(new EndedSession(schema.FromColumn(rows, 0), rows.GetGuid(1), new TokenHash((byte[])rows[2]), AuditEvent.SessionExpired, Reason: null));
                }
            }

            if (ended.Count > 0)
            {
                yield return ended;
            }

            // As many as were asked for: there may be more on this page.
            from = ended.Count == batch ? ended.Max(session => session.TokenHash.Prefix)
                : isLast ? null
                : last + 1;
        }
    }

    public async Task<int> CountLiveAsync(DateTimeOffset now)
    {
        await using var command = Command(_sql.CountLive, now.ToUniversalTime());
        command.CommandTimeout = MaintenanceTimeout;
        return (int)(long)(await command.ExecuteScalarAsync())!;
    }

    public async Task<IReadOnlyList<AuditEntry>> ListEventsAsync(string userId, long before, int limit)
    {
        if (schema.ToColumn(userId) is not { } key)
        {
            return [];
        }

        return await ReadAsync<IReadOnlyList<AuditEntry>>(async (connection, cancellationToken) =>
        {
            var entries = new List<AuditEntry>();
            await using var command = On(connection, _sql.ListEvents, key, before, limit);
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                entries.Add(new AuditEntry
                {
                    Id = rows.GetInt64(0),
                    At = Time(rows, 1),
                    Event = rows.GetString(2),
                    UserId = userId,
                    SessionId = rows.IsDBNull(3) ? null : rows.GetGuid(3),
                    BySessionId = rows.IsDBNull(4) ? null : rows.GetGuid(4),
                    Reason = ReadText(rows, 5),
                    IpAddress = ReadText(rows, 6),
                    UserAgent = ReadText(rows, 7),
                });
            }

            return entries;
        });
    }

    public async Task<bool> WasStartedAsync(string userId, Guid sessionId)
    {
        if (schema.ToColumn(userId) is not { } key)
        {
            return false;
        }

        return await ReadAsync(async (connection, cancellationToken) =>
        {
            await using var command = On(connection, _sql.WasStarted, key, sessionId, AuditEvent.SignedIn);
            return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
        });
    }

    public async Task<DateTimeOffset?> LastEventAtAsync()
    {
        await using var command = Command(_sql.LastEventAt);
        await using var row = await command.ExecuteReaderAsync();
        return await row.ReadAsync() ? Time(row, 0) : null;
    }

    public async Task<int> DeleteEventsAsync(DateTimeOffset before, int limit)
    {
        await using var command = Command(_sql.DeleteEvents, before.ToUniversalTime(), limit);
        return await command.ExecuteNonQueryAsync();
    }

    public async Task ProbeAsync()
    {
        // A message in the log is a write that is committed, and changes nothing.
        await using (var write = Command("SELECT pg_logical_emit_message(true, 'authapi', 'probe')"))
        {
            await write.ExecuteNonQueryAsync();
        }

        await ConfirmAsync(SessionToken.Create().Hash);
        await using var read = Command(_sql.SomeRows);
        await read.ExecuteScalarAsync();
    }

    public bool IsOutOfReach(Exception? exception) => PostgreSqlFailures.IsOutOfReach(exception);

    // With a snapshot from before its first statement the transaction would not see a session that has started since, with the old password.
    private static void EnsureReadCommitted(DbTransaction? transaction)
    {
        var level = transaction?.IsolationLevel.ToString() ?? Transaction.Current?.IsolationLevel.ToString();
        if (level is nameof(System.Data.IsolationLevel.RepeatableRead) or nameof(System.Data.IsolationLevel.Snapshot) or nameof(System.Data.IsolationLevel.Serializable))
        {
            throw new InvalidOperationException(
                $"A user, a role or a claim is changed in a transaction at {level}, which does not see sessions that start beside it: they would go on. Begin it with IsolationLevel.ReadCommitted (a TransactionScope is Serializable unless its options say otherwise).");
        }
    }

    private async Task<IReadOnlyList<EndedSession>?> StartOnceAsync(
        NpgsqlConnection connection, UserSession session, SessionStart start, CancellationToken cancellationToken)
    {
        if (schema.ToColumn(session.UserId) is not { } key)
        {
            return null;
        }

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

        // The user's row is locked: logins of one user take turns on all nodes, and a change of the stamp or the roles comes before or after.
        await using (var user = Batch(connection, transaction, Of(_sql.JoinStarts), Of(_sql.LockUserWithStamp, key, Text(start.SecurityStamp))))
        await using (var rows = await user.ExecuteReaderAsync(cancellationToken))
        {
            await rows.NextResultAsync(cancellationToken);
            if (!await rows.ReadAsync(cancellationToken))
            {
                return null;
            }
        }

        if (start.MustBeFirst)
        {
            await using var started = On(connection, _sql.WasStarted, key, session.Id, AuditEvent.SignedIn);
            if (await started.ExecuteScalarAsync(cancellationToken) is true)
            {
                return null;
            }
        }

        var ended = new List<EndedSession>();
        foreach (var (other, what) in await ReadEndsAsync(connection, key, session, start, cancellationToken))
        {
            var cause = new SessionEnd(what, new ClientInfo(session.IpAddress, session.UserAgent), session.Id);
            var entry = cause.EntryFor(other.UserId, other.Id, session.CreatedAt);
            await using var delete = On(connection, _sql.End, schema.ToColumn(other.UserId)!, other.Id);
            if (await delete.ExecuteScalarAsync(cancellationToken) is byte[] tokenHash)
            {
                await InsertAsync(connection, entry, cancellationToken);
                ended.Add(new EndedSession(other.UserId, other.Id, new TokenHash(tokenHash), entry.Event, entry.Reason));
            }
        }

        // What must end has ended before: nothing is written.
        if (start.MustEnd is { } required && ended.All(one => one.SessionId != required))
        {
            return null;
        }

        await using (var insert = On(
            connection,
            _sql.Insert,
            session.Key,
            session.Id,
            key,
            session.TokenHash.ToArray(),
            session.CreatedAt.ToUniversalTime(),
            session.LastSeenAt.ToUniversalTime(),
            session.IdleExpiresAt.ToUniversalTime(),
            session.AbsoluteExpiresAt.ToUniversalTime(),
            session.AuthenticatedAt.ToUniversalTime(),
            string.Join(' ', session.AuthenticationMethods),
            session.Transport == SessionTransport.Header ? SessionRow.Header : SessionRow.Cookie,
            session.RememberMe,
            Text(session.IpAddress),
            Text(session.UserAgent)))
        {
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }

        await InsertAsync(connection, new AuditEntry
        {
            At = session.CreatedAt,
            Event = AuditEvent.SignedIn,
            UserId = session.UserId,
            SessionId = session.Id,
            IpAddress = session.IpAddress,
            UserAgent = session.UserAgent,
        }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return ended;
    }

    // In the order of their keys, in which everybody locks rows.
    private async Task<IEnumerable<(UserSession Session, string Event)>> ReadEndsAsync(
        NpgsqlConnection connection, object key, UserSession session, SessionStart start, CancellationToken cancellationToken)
    {
        var ends = start.Replaces.Select(replaced => (Session: replaced, Event: AuditEvent.SessionReplaced)).ToList();
        var replaces = start.Replaces.Select(replaced => replaced.Id).ToHashSet();
        var others = (await ListAsync(connection, key, cancellationToken)).Where(other => !replaces.Contains(other.Id)).ToList();
        if (others.Count >= start.MaxPerUser)
        {
            // A session that has expired takes no room from one that lives.
            var lives = others.ToLookup(other => other.IdleExpiresAtFrom(start.LastUseOf(other)) > session.CreatedAt);
            ends.AddRange(lives[false].Select(expired => (expired, AuditEvent.SessionExpired)));
            ends.AddRange(lives[true].OrderByDescending(start.LastUseOf).Skip(start.MaxPerUser - 1).Select(leastRecentlyUsed => (leastRecentlyUsed, AuditEvent.SessionEvicted)));
        }

        return ends.OrderBy(end => end.Session.Key);
    }

    private async Task<IReadOnlyList<EndedSession>> EndAllAsync(
        NpgsqlConnection connection, NpgsqlTransaction? transaction, string userId, SessionEnd cause, DateTimeOffset at, Guid? except, CancellationToken cancellationToken)
    {
        if (schema.ToColumn(userId) is not { } key)
        {
            return [];
        }

        var end = Of(
            _sql.EndAll,
            key,
            except is { } spared ? spared : DBNull.Value,
            at.ToUniversalTime(),
            cause.BySessionId is { } by ? by : DBNull.Value,
            AuditEvent.SignedOut,
            cause.Event,
            Text(cause.Reason),
            Text(cause.Client.IpAddress),
            Text(cause.Client.UserAgent));
        end.Parameters[1].NpgsqlDbType = end.Parameters[3].NpgsqlDbType = NpgsqlDbType.Uuid;
        await using var batch = Batch(connection, transaction, Of(_sql.LockUser, key), end);
        var ended = new List<EndedSession>();
        await using var rows = await batch.ExecuteReaderAsync(cancellationToken);
        await rows.NextResultAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            var entry = cause.EntryFor(userId, rows.GetGuid(0), at);
            ended.Add(new EndedSession(userId, rows.GetGuid(0), new TokenHash((byte[])rows[1]), entry.Event, entry.Reason));
        }

        return ended;
    }

    private async Task<HashSet<Guid>> WriteLastSeenAsync(string sql, IReadOnlyList<LastSeen> lastSeen)
    {
        // A user's key that cannot be read is no row's.
        var known = lastSeen.Select(use => (Use: use, Key: schema.ToColumn(use.UserId))).Where(item => item.Key is not null).ToList();
        if (known.Count == 0)
        {
            return [];
        }

        var keys = Array.CreateInstance(known[0].Key!.GetType(), known.Count);
        for (var i = 0; i < known.Count; i++)
        {
            keys.SetValue(known[i].Key, i);
        }

        await using var command = Command(
            sql,
            keys,
            known.Select(item => item.Use.SessionId).ToArray(),
            known.Select(item => item.Use.At.ToUniversalTime()).ToArray(),
            known.Select(item => item.Use.IdleExpiresAt.ToUniversalTime()).ToArray(),
            known.Select(item => item.Use.Client.IpAddress).ToArray(),
            known.Select(item => item.Use.Client.UserAgent).ToArray());
        command.Parameters[4].NpgsqlDbType = command.Parameters[5].NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text;
        var written = new HashSet<Guid>();
        await using var rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            written.Add(rows.GetGuid(0));
        }

        return written;
    }

    /// <returns>The last key of the page that begins with a key, and whether it is the table's last page.</returns>
    private async Task<(long Last, bool IsLast)> ReadPageAsync(long first)
    {
        await using var command = Command(_sql.Page, first, PageSize);
        await using var row = await command.ExecuteReaderAsync();
        return await row.ReadAsync() ? (row.GetInt64(0), row.GetInt64(0) == long.MaxValue) : (long.MaxValue, true);
    }

    private async Task InsertAsync(NpgsqlConnection connection, AuditEntry entry, CancellationToken cancellationToken)
    {
        await using var command = On(
            connection,
            _sql.InsertEvent,
            entry.At.ToUniversalTime(),
            entry.Event,
            schema.ToColumn(entry.UserId)!,
            entry.SessionId!,
            entry.BySessionId is { } by ? by : DBNull.Value,
            Text(entry.Reason),
            Text(entry.IpAddress),
            Text(entry.UserAgent));
        command.Parameters[4].NpgsqlDbType = NpgsqlDbType.Uuid;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<List<UserSession>> ListAsync(NpgsqlConnection connection, object key, CancellationToken cancellationToken)
    {
        List<UserSession> sessions = [];
        await using var command = On(connection, _sql.List, key);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            sessions.Add(_row.Read(rows));
        }

        return sessions;
    }

    // A read is repeated where the connection was of a server that has been restarted since.
    private async Task<TResult> ReadAsync<TResult>(Func<NpgsqlConnection, CancellationToken, Task<TResult>> read)
    {
        await reads.EnsureAnsweringAsync();
        try
        {
            return await database.RunAsync(read);
        }
        catch (Exception exception) when (PostgreSqlFailures.IsBroken(exception))
        {
            database.DropIdle();
        }

        return await database.RunAsync(read);
    }

    private NpgsqlCommand Command(string sql, params ReadOnlySpan<object> values)
    {
        var command = database.DataSource.CreateCommand(sql);
        Add(command.Parameters, values);
        return command;
    }

    private static NpgsqlCommand On(NpgsqlConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlCommand(sql, connection);
        Add(command.Parameters, values);
        return command;
    }

    private static NpgsqlBatchCommand Of(string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        Add(command.Parameters, values);
        return command;
    }

    // One transaction, where there is none.
    private static NpgsqlBatch Batch(NpgsqlConnection connection, NpgsqlTransaction? transaction, params ReadOnlySpan<NpgsqlBatchCommand> commands)
    {
        var batch = new NpgsqlBatch(connection, transaction);
        foreach (var command in commands)
        {
            batch.BatchCommands.Add(command);
        }

        return batch;
    }

    private static void Add(NpgsqlParameterCollection parameters, ReadOnlySpan<object> values)
    {
        foreach (var value in values)
        {
            parameters.Add(value as NpgsqlParameter ?? new NpgsqlParameter { Value = value });
        }
    }

    // A null has no type by itself.
    private static NpgsqlParameter Text(string? text) => new() { NpgsqlDbType = NpgsqlDbType.Text, Value = text is null ? DBNull.Value : text };

    private static string? ReadText(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset Time(NpgsqlDataReader row, int column) => row.GetFieldValue<DateTimeOffset>(column);

    // Made once, from the names in the application's model.
    private sealed class Statements(SessionSchema schema)
    {
        // Of advisory locks, which are numbers of the database: the first eight bytes of "authapi:".
        private const long StartsLock = 0x617574686170693A;

        private const string EventColumns = """ "At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent" """;

        public string FindById { get; } = $"""SELECT {SessionRow.Columns} FROM {schema.Sessions} AS s WHERE "UserId" = $1 AND "Id" = $2""";

        public string List { get; } = $"""SELECT {SessionRow.Columns} FROM {schema.Sessions} AS s WHERE "UserId" = $1""";

        // Starts go together, and not beside a change of all versions: a session that is being started would keep the version of before.
        public string JoinStarts { get; } = $"SELECT pg_advisory_xact_lock_shared({StartsLock})";

        public string LockStarts { get; } = $"SELECT pg_advisory_xact_lock({StartsLock})";

        // As an update of the row would lock it. Who changes several sessions of a user does this first.
        public string LockUser { get; } = $"SELECT 1 FROM {schema.Users} WHERE {schema.UserIdColumn} = $1 FOR NO KEY UPDATE";

        public string LockUserWithStamp { get; } = schema.SecurityStampColumn is { } stamp
            ? $"SELECT 1 FROM {schema.Users} WHERE {schema.UserIdColumn} = $1 AND ($2 IS NULL OR {stamp} = $2) FOR NO KEY UPDATE"
            : $"SELECT 1 FROM {schema.Users} WHERE {schema.UserIdColumn} = $1 AND ($2 IS NULL OR $2 IS NOT NULL) FOR NO KEY UPDATE";

        public string Insert { get; } =
            $"""
            INSERT INTO {schema.Sessions} ("Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt",
                "AuthenticationMethods", "Transport", "RememberMe", "IpAddress", "UserAgent")
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """;

        public string End { get; } = $"""DELETE FROM {schema.Sessions} WHERE "UserId" = $1 AND "Id" = $2 RETURNING "TokenHash" """;

        public string EndAll { get; } =
            $"""
            WITH locked AS MATERIALIZED (
                SELECT "Id" FROM {schema.Sessions} WHERE "UserId" = $1 AND "Id" IS DISTINCT FROM $2 ORDER BY "Key" FOR UPDATE
            ), ended AS (
                DELETE FROM {schema.Sessions} AS s USING locked AS l WHERE s."UserId" = $1 AND s."Id" = l."Id" RETURNING s."UserId", s."Id", s."TokenHash"
            ), logged AS (
                INSERT INTO {schema.AuditEntries} ({EventColumns})
                SELECT $3, CASE "Id" WHEN $4 THEN $5 ELSE $6 END, "UserId", "Id", NULLIF($4, "Id"), $7, $8, $9 FROM ended
            )
            SELECT "Id", "TokenHash" FROM ended
            """;

        public string Renew { get; } =
            $"""
            WITH renewed AS (
                UPDATE {schema.Sessions} SET "Key" = $4, "TokenHash" = $5, "AuthenticatedAt" = $6, "AuthenticationMethods" = $12
                WHERE "Key" = $1 AND "TokenHash" = $2 AND "Id" = $3 RETURNING "UserId", "Id"
            ), logged AS (
                INSERT INTO {schema.AuditEntries} ({EventColumns}) SELECT $7, $8, "UserId", "Id", NULL, $9, $10, $11 FROM renewed
            )
            SELECT 1 FROM renewed
            """;

        public string RaiseVersion { get; } =
            $"""
            WITH locked AS MATERIALIZED (SELECT "Id" FROM {schema.Sessions} WHERE "UserId" = $1 ORDER BY "Key" FOR UPDATE)
            UPDATE {schema.Sessions} AS s SET "PrincipalVersion" = s."PrincipalVersion" + 1 FROM locked AS l WHERE s."UserId" = $1 AND s."Id" = l."Id"
            """;

        public string RaiseVersionOfAll { get; } =
            $"""
            WITH locked AS MATERIALIZED (SELECT "UserId", "Id" FROM {schema.Sessions} ORDER BY "Key" FOR UPDATE)
            UPDATE {schema.Sessions} AS s SET "PrincipalVersion" = s."PrincipalVersion" + 1 FROM locked AS l WHERE s."UserId" = l."UserId" AND s."Id" = l."Id"
            """;

        public string WriteLastSeen { get; } = WriteLastSeenSql(schema, "SKIP LOCKED");

        public string WriteLastSeenOfLocked { get; } = WriteLastSeenSql(schema, "");

        public string Page { get; } = $"""SELECT "Key" FROM {schema.Sessions} WHERE "Key" >= $1 ORDER BY "Key" OFFSET $2 LIMIT 1""";

        public string DeleteExpired { get; } =
            $"""
            WITH expired AS MATERIALIZED (
                SELECT "Key" FROM {schema.Sessions} WHERE "Key" BETWEEN $1 AND $2 AND "IdleExpiresAt" <= $3 ORDER BY "Key" LIMIT $4 FOR UPDATE SKIP LOCKED
            ), ended AS (
                DELETE FROM {schema.Sessions} AS s USING expired AS e WHERE s."Key" = e."Key" RETURNING s."UserId", s."Id", s."TokenHash"
            ), logged AS (
                INSERT INTO {schema.AuditEntries} ({EventColumns}) SELECT $3, $5, "UserId", "Id", NULL, NULL, NULL, NULL FROM ended
            )
            SELECT "UserId", "Id", "TokenHash" FROM ended
            """;

        public string CountLive { get; } = $"""SELECT count(*) FROM {schema.Sessions} WHERE "IdleExpiresAt" > $1""";

        public string InsertEvent { get; } = $"INSERT INTO {schema.AuditEntries} ({EventColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

        public string ListEvents { get; } =
            $"""
            SELECT "Id", "At", "Event", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent" FROM {schema.AuditEntries}
            WHERE "UserId" = $1 AND "Id" < $2 ORDER BY "Id" DESC LIMIT $3
            """;

        public string WasStarted { get; } =
            $"""SELECT EXISTS (SELECT 1 FROM {schema.AuditEntries} WHERE "UserId" = $1 AND "SessionId" = $2 AND "Event" = $3)""";

        public string LastEventAt { get; } = $"""SELECT "At" FROM {schema.AuditEntries} ORDER BY "Id" DESC LIMIT 1""";

        public string DeleteEvents { get; } =
            $"""DELETE FROM {schema.AuditEntries} WHERE "Id" IN (SELECT "Id" FROM {schema.AuditEntries} WHERE "At" < $1 ORDER BY "At" LIMIT $2)""";

        private static string WriteLastSeenSql(SessionSchema schema, string locked) =>
            $"""
            WITH used AS (
                SELECT * FROM unnest($1, $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[]) AS u("UserId", "Id", "At", "IdleExpiresAt", "IpAddress", "UserAgent")
            ), locked AS MATERIALIZED (
                SELECT u.* FROM {schema.Sessions} AS s JOIN used AS u ON s."UserId" = u."UserId" AND s."Id" = u."Id" AND s."LastSeenAt" <= u."At"
                ORDER BY s."Key" FOR UPDATE OF s {locked}
            )
            UPDATE {schema.Sessions} AS s SET "LastSeenAt" = l."At", "IdleExpiresAt" = l."IdleExpiresAt", "LastIpAddress" = l."IpAddress", "LastUserAgent" = l."UserAgent"
            FROM locked AS l WHERE s."UserId" = l."UserId" AND s."Id" = l."Id" RETURNING s."Id"
            """;

        public string SomeRows { get; } =
            $"SELECT EXISTS (SELECT 1 FROM {schema.Users}), EXISTS (SELECT 1 FROM {schema.Sessions}), EXISTS (SELECT 1 FROM {schema.AuditEntries})";
    }
}
