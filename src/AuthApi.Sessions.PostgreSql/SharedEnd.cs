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

/// <summary>All ends that wait on this node, in one statement and one commit: the rows are deleted, their events inserted, and what was deleted is returned.</summary>
internal sealed class SharedEnd(PostgreSqlDatabase database, SessionSchema schema, ILogger<SharedEnd> logger) : Lane<End, TokenHash?>(database, logger)
{
    private static readonly DateTimeOffset Never = new(9999, 12, 31, 0, 0, 0, TimeSpan.Zero);

    // The rows are locked in the order of their keys, as wherever several are, so that two statements do not wait for each other.
    private readonly string _sql =
        $"""
        WITH asked AS (
            SELECT * FROM unnest($1, $2::uuid[], $3::timestamptz[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::timestamptz[])
                AS a("UserId", "Id", "At", "Event", "BySessionId", "Reason", "IpAddress", "UserAgent", "ExpiredAt")
        ), locked AS MATERIALIZED (
            SELECT s."Key", a.* FROM {schema.Sessions} AS s JOIN asked AS a ON s."UserId" = a."UserId" AND s."Id" = a."Id" AND s."IdleExpiresAt" <= a."ExpiredAt"
            ORDER BY s."Key" FOR UPDATE OF s
        ), ended AS (
            DELETE FROM {schema.Sessions} AS s USING locked AS l WHERE s."Key" = l."Key"
            RETURNING s."TokenHash", l."UserId", l."Id", l."At", l."Event", l."BySessionId", l."Reason", l."IpAddress", l."UserAgent"
        ), logged AS (
            INSERT INTO {schema.AuditEntries} ("At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
            SELECT "At", "Event", "UserId", "Id", "BySessionId", "Reason", "IpAddress", "UserAgent" FROM ended
        )
        SELECT "Id", "TokenHash" FROM ended
        """;

    protected override async Task<TokenHash?[]> ExecuteAsync(NpgsqlConnection connection, IReadOnlyList<End> calls)
    {
        var userIds = Array.CreateInstance(calls[0].UserId.GetType(), calls.Count);
        for (var i = 0; i < calls.Count; i++)
        {
            userIds.SetValue(calls[i].UserId, i);
        }

        await using var command = new NpgsqlCommand(_sql, connection)
        {
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
        var ended = new Dictionary<Guid, TokenHash>();
        await using (var rows = await command.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
            {
                ended[rows.GetGuid(0)] = new TokenHash((byte[])rows[1]);
            }
        }

        // Of several calls for one session, the first has ended it.
        return [.. calls.Select(call => ended.Remove(call.SessionId, out var tokenHash) ? tokenHash : (TokenHash?)null)];

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
