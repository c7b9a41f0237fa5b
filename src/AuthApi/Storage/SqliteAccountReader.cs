using System.Data.Common;
using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;

namespace AuthApi.Storage;

/// <summary>Reads an account from the SQLite file.</summary>
internal sealed class SqliteAccountReader(SqliteReader reader) : AccountReader
{
    private const string Account = """SELECT "UserName", "Email", "EmailConfirmed", "TwoFactorEnabled" FROM "AspNetUsers" WHERE "Id" = @p0""";

    private const string RolesAndClaims =
        """
        SELECT 1, r."Name", NULL FROM "AspNetUserRoles" AS m JOIN "AspNetRoles" AS r ON r."Id" = m."RoleId" WHERE m."UserId" = @p0
        UNION ALL
        SELECT 0, c."ClaimType", c."ClaimValue" FROM "AspNetUserClaims" AS c WHERE c."UserId" = @p0
        UNION ALL
        SELECT 0, c."ClaimType", c."ClaimValue" FROM "AspNetUserRoles" AS m JOIN "AspNetRoleClaims" AS c ON c."RoleId" = m."RoleId" WHERE m."UserId" = @p0
        """;

    public override Task<StoredAccount?> FindAsync(UserSession session) => reader.ReadAsync(connection => FindAsync(connection, IdOf(session)));

    private static async Task<StoredAccount?> FindAsync(PreparedConnection connection, int userId)
    {
        StoredAccount? account;
        await using (var row = await connection.Prepare(Account, userId).ExecuteReaderAsync())
        {
            account = await row.ReadAsync() ? new StoredAccount(row.GetString(0), row.GetString(1), row.GetBoolean(2), row.GetBoolean(3), [], []) : null;
        }

        if (account is null)
        {
            return null;
        }

        await using var rows = await connection.Prepare(RolesAndClaims, userId).ExecuteReaderAsync();
        return await ReadRolesAndClaimsAsync(account, rows);
    }

    private static async Task<StoredAccount> ReadRolesAndClaimsAsync(StoredAccount account, DbDataReader rows)
    {
        List<string>? roles = null;
        List<(string, string)>? claims = null;
        while (await rows.ReadAsync())
        {
            if (rows.GetInt32(0) == 1)
            {
                (roles ??= []).Add(rows.GetString(1));
            }
            else
            {
                (claims ??= []).Add((Text(rows, 1), Text(rows, 2)));
            }
        }

        return roles is null && claims is null ? account : account with { Roles = roles ?? [], Claims = claims ?? [] };
    }

    private static string Text(DbDataReader row, int column) => row.IsDBNull(column) ? "" : row.GetString(column);
}
