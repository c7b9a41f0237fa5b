using System.Data.Common;
using System.Text.Json;
using AuthApi.Sessions;

namespace AuthApi.Storage;

/// <summary>Reads the account of a session with its roles and claims from the SQLite file, by the statement that finds the session.</summary>
internal sealed class SqliteAccountReader : ISessionUserReader
{
    // An empty array is nothing to read for most. A claim is an array of two.
    public string Columns =>
        """
        u."UserName", u."Email", u."EmailConfirmed", u."TwoFactorEnabled",
        NULLIF((
            SELECT json_group_array(r."Name") FROM "AspNetUserRoles" AS m JOIN "AspNetRoles" AS r ON r."Id" = m."RoleId" WHERE m."UserId" = u."Id"), '[]'),
        NULLIF((
            SELECT json_group_array(json_array(c."ClaimType", c."ClaimValue")) FROM "AspNetUserClaims" AS c WHERE c."UserId" = u."Id"), '[]'),
        NULLIF((
            SELECT json_group_array(json_array(c."ClaimType", c."ClaimValue")) FROM "AspNetUserRoles" AS m JOIN "AspNetRoleClaims" AS c ON c."RoleId" = m."RoleId"
            WHERE m."UserId" = u."Id"), '[]')
        """;

    public object Read(DbDataReader row, int first) => new StoredAccount(
        row.GetString(first),
        row.GetString(first + 1),
        row.GetBoolean(first + 2),
        row.GetBoolean(first + 3),
        Read<string>(row, first + 4),
        [.. ReadClaims(row, first + 5), .. ReadClaims(row, first + 6)]);

    private static IEnumerable<(string Type, string Value)> ReadClaims(DbDataReader row, int column) => Read<string?[]>(row, column).Select(claim => (claim[0] ?? "", claim[1] ?? ""));

    private static T[] Read<T>(DbDataReader row, int column) => row.IsDBNull(column) ? [] : JsonSerializer.Deserialize<T[]>(row.GetString(column))!;
}
