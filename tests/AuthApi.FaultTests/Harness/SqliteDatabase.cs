using AuthApi.Sessions;
using Microsoft.Data.Sqlite;

namespace AuthApi.FaultTests.Harness;

/// <summary>The file <c>data/auth.db</c> in the program's folder.</summary>
internal sealed class SqliteDatabase(string? folder = null) : Database(folder)
{
    public override string[] Settings => [];

    public string File => Path.Combine(Folder, "data", "auth.db");

    public override async Task CheckAsync()
    {
        await using var connection = await OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA integrity_check";
        Assert.That(await command.ExecuteScalarAsync(), Is.EqualTo("ok"));
    }

    public override async Task<IReadOnlyList<string>> EndMailClaimsAsync()
    {
        await using var connection = await OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText =
            """
            UPDATE "MailQueue" SET "NextAttemptAt" = "NextAttemptAt" - 300000 WHERE "Attempts" > 0 AND "NextAttemptAt" > $now RETURNING "To"
            """;
        command.Parameters.AddWithValue("$now", TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        await using var reader = await command.ExecuteReaderAsync();
        var addresses = new List<string>();
        while (await reader.ReadAsync())
        {
            addresses.Add(reader.GetString(0));
        }

        return addresses;
    }

    /// <summary>Takes the lock of the one who writes, until the connection is closed.</summary>
    public async Task<IAsyncDisposable> LockAsync()
    {
        var connection = await OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "BEGIN IMMEDIATE";
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    protected override async Task InsertAsync(int userId, IReadOnlyList<SessionToken> tokens)
    {
        await using var connection = await OpenAsync();
        await using var transaction = (SqliteTransaction)await connection.BeginTransactionAsync();
        await using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText =
            """
            INSERT INTO "UserSessions" ("Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt", "AuthenticationMethods", "Transport", "RememberMe")
            VALUES ($key, $id, $user, $hash, $now, $now, $now + 1800000, $now + 43200000, $now, 'pwd', 'header', 0)
            """;
        var now = TimeProvider.System.GetUtcNow();
        foreach (var token in tokens)
        {
            command.Parameters.Clear();
            command.Parameters.AddWithValue("$key", token.Hash.Prefix);
            command.Parameters.AddWithValue("$id", Guid.CreateVersion7(now));
            command.Parameters.AddWithValue("$user", userId);
            command.Parameters.AddWithValue("$hash", token.Hash.ToArray());
            command.Parameters.AddWithValue("$now", now.ToUnixTimeMilliseconds());
            await command.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
    }

    private async Task<SqliteConnection> OpenAsync()
    {
        var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }
}
