using AuthApi.Sessions.Sqlite;

namespace AuthApi.Storage;

/// <summary>Reads an account from the SQLite file.</summary>
internal sealed class SqliteAccountReader(SqliteReader reader) : AccountReader
{
    public override Task<StoredAccount?> FindAsync(int userId) => reader.ReadAsync(connection => FindAsync(connection, userId));

    private static async Task<StoredAccount?> FindAsync(PreparedConnection connection, int userId)
    {
        StoredAccount? account;
        await using (var row = await connection.Prepare(Account, userId).ExecuteReaderAsync())
        {
            account = await ReadAccountAsync(row);
        }

        if (account is null)
        {
            return null;
        }

        await using var rows = await connection.Prepare(RolesAndClaims, userId).ExecuteReaderAsync();
        return await ReadRolesAndClaimsAsync(account, rows);
    }
}
