using AuthApi.Sessions;
using Npgsql;
using NpgsqlTypes;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>Makes live sessions as <see cref="Seeding"/> does, in a PostgreSQL database that AuthApi has migrated, by COPY.</summary>
internal static class PostgreSqlSeeding
{
    /// <param name="connectionString">The database.</param>
    /// <param name="folder">Where the tokens are written.</param>
    /// <param name="count">How many sessions.</param>
    /// <param name="perUser">How many of each user.</param>
    /// <param name="known">How many tokens are written.</param>
    public static async Task RunAsync(string connectionString, string folder, int count, int perUser, int known)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        var now = TimeProvider.System.GetUtcNow();
        await using (var users = await CopyAsync(
            source,
            """
            "AspNetUsers" ("Id", "CreatedAt", "UserName", "NormalizedUserName", "Email", "NormalizedEmail", "EmailConfirmed", "SecurityStamp",
                "PhoneNumberConfirmed", "TwoFactorEnabled", "LockoutEnabled", "AccessFailedCount")
            """))
        {
            for (var id = 1; id <= (count + perUser - 1) / perUser; id++)
            {
                var user = Seeding.NewUser(id, now);
                await users.RowAsync(
                    user.Id, user.CreatedAt, user.UserName, user.NormalizedUserName, user.Email, user.NormalizedEmail, false, user.SecurityStamp, false, false, true, 0);
            }
        }

        await using (var tokens = File.CreateText(DataFolder.Tokens(folder)))
        await using (var sessions = await CopyAsync(
            source,
            """
            "UserSessions" ("Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt",
                "AuthenticationMethods", "Transport", "RememberMe", "IpAddress", "UserAgent")
            """))
        await using (var entries = await CopyAsync(source, """ "AuditEntries" ("At", "Event", "UserId", "SessionId", "IpAddress", "UserAgent") """))
        {
            var limits = new UserSessionOptions();
            for (var i = 0; i < count; i++)
            {
                var token = SessionToken.Create();
                var userId = 1 + (i / perUser);
                var session = Seeding.NewSession(userId, token, now, limits);
                await sessions.RowAsync(
                    session.Key, session.Id, userId, session.TokenHash.ToArray(), session.CreatedAt, session.LastSeenAt, session.IdleExpiresAt, session.AbsoluteExpiresAt,
                    session.AuthenticatedAt, "pwd", session.Transport.ToString(), session.RememberMe, session.IpAddress, session.UserAgent);
                await entries.RowAsync(session.CreatedAt, AuditEvent.SignedIn, userId, session.Id, session.IpAddress, session.UserAgent);
                if (i < known)
                {
                    await tokens.WriteLineAsync(token.Reveal());
                }
            }
        }

        await ExecuteAsync(source, "VACUUM ANALYZE");
        await ExecuteAsync(source, "CHECKPOINT");
    }

    /// <summary>The size of the tables of sessions and of events with their indexes, a row, in bytes.</summary>
    public static async Task<string> DescribeSizesAsync(string connectionString)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(
            """
            SELECT string_agg(format('%s: %s rows, %s bytes each (%s the row, %s its indexes)', relname, to_char(reltuples, 'FM999,999,999'),
                round(pg_total_relation_size(oid) / reltuples), round(pg_relation_size(oid) / reltuples), round(pg_indexes_size(oid) / reltuples)), '; ' ORDER BY relname DESC)
            FROM pg_class WHERE relname IN ('UserSessions', 'AuditEntries', 'AspNetUsers')
            """);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<Copy> CopyAsync(NpgsqlDataSource source, string table)
    {
        var connection = await source.OpenConnectionAsync();

        // The users are there: their foreign keys need not be looked up, one by one.
        await using (var command = new NpgsqlCommand("SET session_replication_role = replica", connection))
        {
            await command.ExecuteNonQueryAsync();
        }

        var importer = await connection.BeginBinaryImportAsync($"COPY {table} FROM STDIN (FORMAT BINARY)");
        importer.Timeout = TimeSpan.FromMinutes(10);
        return new Copy(connection, importer);
    }

    private sealed class Copy(NpgsqlConnection connection, NpgsqlBinaryImporter importer) : IAsyncDisposable
    {
        public async Task RowAsync(params object?[] values)
        {
            await importer.StartRowAsync();
            foreach (var value in values)
            {
                switch (value)
                {
                    case null:
                        await importer.WriteNullAsync();
                        break;
                    case DateTimeOffset time:
                        await importer.WriteAsync(time.ToUniversalTime(), NpgsqlDbType.TimestampTz);
                        break;
                    default:
                        await importer.WriteAsync(value);
                        break;
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            await importer.CompleteAsync();
            await importer.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
