using System.Data.Common;
using System.Security.Claims;
using AuthApi.Storage;

namespace AuthApi.Sessions;

/// <summary>
/// Finds a session and all that its principal is made of, by two statements that stay prepared: what a session costs that is not at hand.
/// </summary>
internal static class StoredSessionQuery
{
    private const string SessionAndUser =
        """
        SELECT s."Id", s."UserId", s."CreatedAt", s."LastSeenAt", s."IdleExpiresAt", s."AbsoluteExpiresAt", s."AuthenticatedAt",
            s."AuthenticationMethods", s."Transport", s."RememberMe", s."IpAddress", s."UserAgent",
            u."UserName", u."NormalizedUserName", u."Email", u."NormalizedEmail", u."EmailConfirmed", u."PasswordHash", u."SecurityStamp",
            u."ConcurrencyStamp", u."PhoneNumber", u."PhoneNumberConfirmed", u."TwoFactorEnabled", u."LockoutEnd", u."LockoutEnabled",
            u."AccessFailedCount", u."CreatedAt"
        FROM "LiveSessions" AS s
        JOIN "AspNetUsers" AS u ON u."Id" = s."UserId"
        WHERE s."Key" = @p0 AND s."TokenHash" = @p1
        """;

    private const string RolesAndClaims =
        """
        SELECT 1, r."Name", NULL FROM "AspNetUserRoles" AS m JOIN "AspNetRoles" AS r ON r."Id" = m."RoleId" WHERE m."UserId" = @p0
        UNION ALL
        SELECT 0, c."ClaimType", c."ClaimValue" FROM "AspNetUserClaims" AS c WHERE c."UserId" = @p0
        UNION ALL
        SELECT 0, c."ClaimType", c."ClaimValue" FROM "AspNetUserRoles" AS m JOIN "AspNetRoleClaims" AS c ON c."RoleId" = m."RoleId" WHERE m."UserId" = @p0
        """;

    public static async Task<StoredSession?> FindAsync(AuthDbContext context, TokenHash tokenHash)
    {
        UserSession session;
        ApplicationUser user;
        await using (var row = await context.Prepare(SessionAndUser, tokenHash.Prefix, tokenHash.ToArray()).ExecuteReaderAsync())
        {
            if (!await row.ReadAsync())
            {
                return null;
            }

            (session, user) = (ReadSession(row, tokenHash), ReadUser(row));
        }

        List<string> roles = [];
        List<Claim> claims = [];
        await using (var rows = await context.Prepare(RolesAndClaims, user.Id).ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
            {
                if (rows.GetInt32(0) == 1)
                {
                    roles.Add(rows.GetString(1));
                }
                else
                {
                    claims.Add(new Claim(Text(rows, 1) ?? "", Text(rows, 2) ?? ""));
                }
            }
        }

        return new StoredSession(session, user, roles, claims);
    }

    private static UserSession ReadSession(DbDataReader row, TokenHash tokenHash) => new()
    {
        Id = row.GetGuid(0),
        UserId = row.GetInt32(1),
        TokenHash = tokenHash,
        CreatedAt = Time(row, 2),
        LastSeenAt = Time(row, 3),
        IdleExpiresAt = Time(row, 4),
        AbsoluteExpiresAt = Time(row, 5),
        AuthenticatedAt = Time(row, 6),
        AuthenticationMethods = row.GetString(7).Split(' ', StringSplitOptions.RemoveEmptyEntries),
        Transport = Enum.Parse<SessionTransport>(row.GetString(8)),
        RememberMe = row.GetBoolean(9),
        IpAddress = Text(row, 10),
        UserAgent = Text(row, 11),
    };

    private static ApplicationUser ReadUser(DbDataReader row) => new()
    {
        Id = row.GetInt32(1),
        UserName = Text(row, 12),
        NormalizedUserName = Text(row, 13),
        Email = Text(row, 14),
        NormalizedEmail = Text(row, 15),
        EmailConfirmed = row.GetBoolean(16),
        PasswordHash = Text(row, 17),
        SecurityStamp = Text(row, 18),
        ConcurrencyStamp = Text(row, 19),
        PhoneNumber = Text(row, 20),
        PhoneNumberConfirmed = row.GetBoolean(21),
        TwoFactorEnabled = row.GetBoolean(22),
        LockoutEnd = row.IsDBNull(23) ? null : Time(row, 23),
        LockoutEnabled = row.GetBoolean(24),
        AccessFailedCount = row.GetInt32(25),
        CreatedAt = Time(row, 26),
    };

    private static string? Text(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset Time(DbDataReader row, int column) => DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(column));
}
