using System.Data.Common;

namespace AuthApi.Storage;

/// <summary>What a principal is made of.</summary>
internal sealed record StoredAccount(
    string UserName, string Email, bool EmailConfirmed, bool TwoFactorEnabled, IReadOnlyList<string> Roles, IReadOnlyList<(string Type, string Value)> Claims);

/// <summary>Reads an account with its roles and claims by two prepared statements on the connections of the store, without EF Core.</summary>
internal abstract class AccountReader
{
    protected const string Account = """SELECT "UserName", "Email", "EmailConfirmed", "TwoFactorEnabled" FROM "AspNetUsers" WHERE "Id" = @p0""";

    protected const string RolesAndClaims =
        """
        SELECT 1, r."Name", NULL FROM "AspNetUserRoles" AS m JOIN "AspNetRoles" AS r ON r."Id" = m."RoleId" WHERE m."UserId" = @p0
        UNION ALL
        SELECT 0, c."ClaimType", c."ClaimValue" FROM "AspNetUserClaims" AS c WHERE c."UserId" = @p0
        UNION ALL
        SELECT 0, c."ClaimType", c."ClaimValue" FROM "AspNetUserRoles" AS m JOIN "AspNetRoleClaims" AS c ON c."RoleId" = m."RoleId" WHERE m."UserId" = @p0
        """;

    /// <summary>Reads an account.</summary>
    /// <returns>The account; <see langword="null"/> if there is none with this id.</returns>
    public abstract Task<StoredAccount?> FindAsync(int userId);

    /// <summary>Reads the row of <see cref="Account"/>.</summary>
    protected static async Task<StoredAccount?> ReadAccountAsync(DbDataReader row) => await row.ReadAsync()
        ? new StoredAccount(row.GetString(0), row.GetString(1), row.GetBoolean(2), row.GetBoolean(3), [], [])
        : null;

    /// <summary>Reads the rows of <see cref="RolesAndClaims"/>.</summary>
    protected static async Task<StoredAccount> ReadRolesAndClaimsAsync(StoredAccount account, DbDataReader rows)
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
