using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>An end of one session.</summary>
/// <param name="UserId">The user's id, as the column has it.</param>
/// <param name="SessionId">The session's public id.</param>
/// <param name="Entry">The event.</param>
/// <param name="ExpiredAt">To end it only if its row says that it has expired then; <see cref="DateTimeOffset.MaxValue"/> otherwise.</param>
internal sealed record End(object UserId, Guid SessionId, AuditEntry Entry, DateTimeOffset ExpiredAt);

/// <summary>What became of an end.</summary>
/// <param name="TokenHash">The hash of the session that ended; <see langword="null"/> if none did.</param>
/// <param name="IsLocked">Whether another transaction has the row: one that ends the session, or changes it.</param>
internal readonly record struct EndResult(TokenHash? TokenHash, bool IsLocked);

/// <summary>
/// All ends that wait on this node, in one statement and one commit: the rows are deleted, their events inserted, and what was deleted is returned. A row that
/// another transaction has locked is waited for by its own call alone, on a connection of the pool.
/// </summary>
internal sealed class SharedEnd(PostgreSqlDatabase database, SessionSchema schema, ILogger<SharedEnd> logger) : Lane<End, EndResult>(database, logger)
{
    private static readonly DateTimeOffset Never = new(9999, 12, 31, 0, 0, 0, TimeSpan.Zero);

    private readonly PostgreSqlDatabase _database = database;
    private readonly string _sql = Sql(schema, "SKIP LOCKED");
    private readonly string _waitingSql = Sql(schema, "");

    /// <summary>Ends a session.</summary>
    /// <returns>The hash of its token; <see langword="null"/> if there was none to end.</returns>
    public async Task<TokenHash?> EndAsync(End end)
    {
        var result = await CallAsync(end);
        if (!result.IsLocked)
        {
            return result.TokenHash;
        }

        var waited = await _database.RunAsync((connection, cancellationToken) => ExecuteAsync(connection, _waitingSql, [end], cancellationToken));
        return waited[0].TokenHash;
    }

    protected override Task<EndResult[]> ExecuteAsync(NpgsqlConnection connection, IReadOnlyList<End> calls, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, _sql, calls, cancellationToken);

    // The rows are locked in the order of their keys, as wherever several are, so that two statements do not wait for each other. They are deleted by their
    // ids: a renewal that is committed meanwhile has given the row another key, by which this statement would not see it.
    private static string Sql(SessionSchema schema, string locked) =>
        $"""
        WITH asked AS (
            SELECT * FROM unnest($1, $2::uuid[], $3::timestamptz[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::timestamptz[]) WITH ORDINALITY
                AS a("UserId", "Id", "At", "Event", "BySessionId", "Reason", "IpAddress", "UserAgent", "ExpiredAt", "Call")
        ), locked AS MATERIALIZED (
            SELECT a.* FROM {schema.Sessions} AS s JOIN asked AS a ON s."UserId" = a."UserId" AND s."Id" = a."Id" AND s."IdleExpiresAt" <= a."ExpiredAt"
            ORDER BY s."Key" FOR UPDATE OF s {locked}
        ), ended AS (
            DELETE FROM {schema.Sessions} AS s USING locked AS l WHERE s."UserId" = l."UserId" AND s."Id" = l."Id"
            RETURNING s."TokenHash", l.*
        ), logged AS (
            INSERT INTO {schema.AuditEntries} ("At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
            SELECT "At", "Event", "UserId", "Id", "BySessionId", "Reason", "IpAddress", "UserAgent" FROM ended
        )
        SELECT "Call" - 1, "TokenHash" FROM ended
        UNION ALL
        SELECT a."Call" - 1, NULL FROM asked AS a
        WHERE NOT EXISTS (SELECT 1 FROM ended AS e WHERE e."UserId" = a."UserId" AND e."Id" = a."Id")
            AND EXISTS (SELECT 1 FROM {schema.Sessions} AS s WHERE s."UserId" = a."UserId" AND s."Id" = a."Id" AND s."IdleExpiresAt" <= a."ExpiredAt")
        """;

    // The rows that come back are those that ended, and those that were there and did not. Of several calls for one session, one has ended it.
    private static async Task<EndResult[]> ExecuteAsync(
        NpgsqlConnection connection, string sql, IReadOnlyList<End> calls, CancellationToken cancellationToken)
    {
        var userIds = Array.CreateInstance(calls[0].UserId.GetType(), calls.Count);
        for (var i = 0; i < calls.Count; i++)
        {
            userIds.SetValue(calls[i].UserId, i);
        }

        await using var command = new NpgsqlCommand(sql, connection)
        {
            CommandTimeout = 0,
            Parameters =
            {
                new NpgsqlParameter { Value = userIds },
                Column(call => call.SessionId),
                Column(call => call.Entry.At.ToUniversalTime()),
                Column(call => call.Entry.Event),
                Column(call => call.Entry.BySessionId, NpgsqlDbType.Uuid),
                Column(call => call.Entry.Reason, NpgsqlDbType.Text),
                Column(call => call.Entry.IpAddress, NpgsqlDbType.Text),
                Column(call => call.Entry.UserAgent, NpgsqlDbType.Text),
                Column(call => call.ExpiredAt > Never ? Never : call.ExpiredAt.ToUniversalTime()),
            },
        };
        var results = new EndResult[calls.Count];
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            results[rows.GetInt64(0)] = rows.IsDBNull(1) ? new(null, IsLocked: true) : new(new TokenHash((byte[])rows[1]), IsLocked: false);
        }

        return results;

        NpgsqlParameter Column<TValue>(Func<End, TValue> value, NpgsqlDbType? type = null)
        {
            var parameter = new NpgsqlParameter { Value = calls.Select(value).ToArray() };
            if (type is { } known)
            {
                parameter.NpgsqlDbType = NpgsqlDbType.Array | known;
            }

            return parameter;
        }
    }
}
