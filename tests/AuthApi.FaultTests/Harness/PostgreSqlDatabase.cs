using AuthApi.Sessions;
using Npgsql;
using NpgsqlTypes;

namespace AuthApi.FaultTests.Harness;

/// <summary>A server of its own, which a test may stop, and the program's database on it.</summary>
internal sealed class PostgreSqlDatabase : Database
{
    private PostgreSqlDatabase(PostgreSqlServer server) => Server = server;

    public PostgreSqlServer Server { get; }

    public override string[] Settings => SettingsFor(Server.ConnectionString("postgres"));

    public static async Task<PostgreSqlDatabase> CreateAsync(params string[] settings) => new(await PostgreSqlServer.StartAsync(settings));

    public static string[] SettingsFor(string connectionString) => ["--Database:Provider=PostgreSql", $"--ConnectionStrings:Auth={connectionString}"];

    public override async Task CheckAsync() => await Server.ExecuteAsync("postgres", "CREATE EXTENSION IF NOT EXISTS amcheck; SELECT bt_index_check('\"PK_UserSessions\"'::regclass, true)");

    public override async Task<IReadOnlyList<string>> EndMailClaimsAsync() => await Server.QueryAsync(
        "postgres",
        """
        UPDATE "MailQueue" SET "NextAttemptAt" = "NextAttemptAt" - interval '5 minutes' WHERE "Attempts" > 0 AND "NextAttemptAt" > now() RETURNING "To"
        """);

    public override async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override async Task InsertAsync(int userId, IReadOnlyList<SessionToken> tokens)
    {
        await using var connection = new NpgsqlConnection(Server.ConnectionString("postgres") + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO "UserSessions" ("Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt", "AuthenticationMethods", "Transport", "RememberMe")
            SELECT key, id, $1, hash, now(), now(), now() + interval '30 minutes', now() + interval '12 hours', now(), 'pwd', 'header', false
            FROM unnest($2, $3, $4) AS t(key, id, hash)
            """,
            connection);
        var now = TimeProvider.System.GetUtcNow();
        command.Parameters.Add(new() { Value = userId });
        command.Parameters.Add(new() { Value = tokens.Select(token => token.Hash.Prefix).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        command.Parameters.Add(new() { Value = tokens.Select(_ => Guid.CreateVersion7(now)).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid });
        command.Parameters.Add(new() { Value = tokens.Select(token => token.Hash.ToArray()).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
        await command.ExecuteNonQueryAsync();
    }
}
