using System.Data.Common;
using System.Globalization;
using System.Security.Claims;
using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Accounts;

/// <summary>
/// The claims of <see cref="ApplicationClaimsPrincipalFactory"/>, read by two prepared statements: without Identity's managers and their four
/// queries. It leaves out the security stamp, which ends nothing here.
/// </summary>
internal sealed class StoredPrincipalFactory(SqliteReader reader, IOptions<IdentityOptions> options) : ISessionPrincipalFactory
{
    private const string User =
        """SELECT "UserName", "Email", "EmailConfirmed", "TwoFactorEnabled" FROM "AspNetUsers" WHERE "Id" = @p0""";

    private const string RolesAndClaims =
        """
        SELECT 1, r."Name", NULL FROM "AspNetUserRoles" AS m JOIN "AspNetRoles" AS r ON r."Id" = m."RoleId" WHERE m."UserId" = @p0
        UNION ALL
        SELECT 0, c."ClaimType", c."ClaimValue" FROM "AspNetUserClaims" AS c WHERE c."UserId" = @p0
        UNION ALL
        SELECT 0, c."ClaimType", c."ClaimValue" FROM "AspNetUserRoles" AS m JOIN "AspNetRoleClaims" AS c ON c."RoleId" = m."RoleId" WHERE m."UserId" = @p0
        """;

    public Task<ClaimsPrincipal?> CreateAsync(UserSession session) => reader.ReadAsync(connection => CreateAsync(connection, session.UserId));

    private async Task<ClaimsPrincipal?> CreateAsync(PreparedConnection connection, string userId)
    {
        var id = int.Parse(userId, CultureInfo.InvariantCulture);
        var types = options.Value.ClaimsIdentity;
        var identity = new ClaimsIdentity(IdentityConstants.ApplicationScheme, types.UserNameClaimType, types.RoleClaimType);
        await using (var user = await connection.Prepare(User, id).ExecuteReaderAsync())
        {
            if (!await user.ReadAsync())
            {
                return null;
            }

            identity.AddClaim(new Claim(types.UserIdClaimType, userId));
            identity.AddClaim(new Claim(types.UserNameClaimType, user.GetString(0)));
            identity.AddClaim(new Claim(types.EmailClaimType, user.GetString(1)));
            ApplicationClaimsPrincipalFactory.AddFacts(identity, user.GetBoolean(2), user.GetBoolean(3));
        }

        await using var rows = await connection.Prepare(RolesAndClaims, id).ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            identity.AddClaim(rows.GetInt32(0) == 1
                ? new Claim(types.RoleClaimType, rows.GetString(1))
                : new Claim(Text(rows, 1), Text(rows, 2)));
        }

        return new ClaimsPrincipal(identity);
    }

    private static string Text(DbDataReader row, int column) => row.IsDBNull(column) ? "" : row.GetString(column);
}
