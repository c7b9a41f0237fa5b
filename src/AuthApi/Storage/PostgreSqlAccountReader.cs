using System.Data.Common;
using AuthApi.Sessions;

namespace AuthApi.Storage;

/// <summary>Reads the account of a session with its roles and claims from PostgreSQL, by the statement that finds the session, in which it costs no round trip.</summary>
internal sealed class PostgreSqlAccountReader : ISessionUserReader
{
    // An empty array is nothing to read for most. A claim is an array of two.
    public string Columns =>
        """
        u."UserName", u."Email", u."EmailConfirmed", u."TwoFactorEnabled",
        NULLIF(ARRAY(SELECT r."Name" FROM "AspNetUserRoles" AS m JOIN "AspNetRoles" AS r ON r."Id" = m."RoleId" WHERE m."UserId" = u."Id"), '{}'),
        NULLIF(ARRAY(
            SELECT ARRAY[c."ClaimType", c."ClaimValue"] FROM "AspNetUserClaims" AS c WHERE c."UserId" = u."Id"
            UNION ALL
            SELECT ARRAY[c."ClaimType", c."ClaimValue"] FROM "AspNetUserRoles" AS m JOIN "AspNetRoleClaims" AS c ON c."RoleId" = m."RoleId" WHERE m."UserId" = u."Id"), '{}')
        """;

    public object Read(DbDataReader row, int first) => new StoredAccount(
        row.GetString(first),
        row.GetString(first + 1),
        row.GetBoolean(first + 2),
        row.GetBoolean(first + 3),
        row.IsDBNull(first + 4) ? [] : row.GetFieldValue<string[]>(first + 4),
        row.IsDBNull(first + 5) ? [] : ReadClaims(row.GetFieldValue<string?[,]>(first + 5)));

    private static List<(string Type, string Value)> ReadClaims(string?[,] claims) =>
        [.. Enumerable.Range(0, claims.GetLength(0)).Select(claim => (claims[claim, 0] ?? "", claims[claim, 1] ?? ""))];
}
