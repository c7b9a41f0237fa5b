using Microsoft.Extensions.Logging;
using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>
/// The shared look-up: one statement returns the sessions that are not cached and requests wait for, with what the application reads of their users. As with
/// <see cref="SharedRead"/> it begins after each of these requests has arrived, so they need no other.
/// </summary>
internal sealed class SharedFind(PostgreSqlDatabase database, SessionSchema schema, ILogger<SharedFind> logger, ISessionUserReader? users = null)
    : Lane<TokenHash, UserSession?>(database, logger)
{
    private readonly SessionRow _row = new(schema);
    private readonly string _sql =
        $"""
        SELECT {SessionRow.Columns}{(users is null ? "" : $", {users.Columns}")} FROM {schema.Sessions} AS s
        {(users is null ? "" : $"""JOIN {schema.Users} AS u ON u.{schema.UserIdColumn} = s."UserId" """)}WHERE s."Key" = ANY($1)
        """;

    // A read may be repeated.
    protected override bool IsRepeatable => true;

    protected override async Task<UserSession?[]> ExecuteAsync(NpgsqlConnection connection, IReadOnlyList<TokenHash> calls, CancellationToken cancellationToken)
    {
        var keys = new long[calls.Count];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = calls[i].Prefix;
        }

        var found = new Dictionary<TokenHash, UserSession>(keys.Length);
        await using var command = new NpgsqlCommand(_sql, connection) { CommandTimeout = 0, Parameters = { new NpgsqlParameter<long[]> { TypedValue = keys } } };
        await using (var rows = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await rows.ReadAsync(cancellationToken))
            {
                var session = _row.Read(rows);
                found[session.TokenHash] = users is null ? session : session with { User = users.Read(rows, SessionRow.Count) };
            }
        }

        var answers = new UserSession?[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            answers[i] = found.GetValueOrDefault(calls[i]);
        }

        return answers;
    }
}
