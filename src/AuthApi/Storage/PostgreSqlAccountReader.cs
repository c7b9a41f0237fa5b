using AuthApi.Sessions.PostgreSql;
using Npgsql;

namespace AuthApi.Storage;

/// <summary>Reads an account from PostgreSQL: both statements in one round trip.</summary>
internal sealed class PostgreSqlAccountReader(PostgreSqlConnections connections) : AccountReader
{
    // Parameters by their position are sent as they are; others would be looked for in the text at each use.
    private static readonly string[] Statements = [Account.Replace("@p0", "$1", StringComparison.Ordinal), RolesAndClaims.Replace("@p0", "$1", StringComparison.Ordinal)];

    public override async Task<StoredAccount?> FindAsync(int userId)
    {
        await using var batch = connections.DataSource.CreateBatch();
        foreach (var sql in Statements)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { new NpgsqlParameter<int> { TypedValue = userId } } });
        }

        await using var rows = await batch.ExecuteReaderAsync();
        var account = await ReadAccountAsync(rows);
        await rows.NextResultAsync();
        return account is null ? null : await ReadRolesAndClaimsAsync(account, rows);
    }
}
