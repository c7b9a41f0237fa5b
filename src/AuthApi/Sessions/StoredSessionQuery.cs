using System.Data.Common;
using System.Security.Claims;
using AuthApi.Storage;

namespace AuthApi.Sessions;

/// <summary>
/// Finds a session that is not cached, and all that its principal is made of, by two statements. And a user's sessions.
/// </summary>
internal static class StoredSessionQuery
{
    private const string SessionColumns =
        """
        s."Id", s."UserId", s."TokenHash", s."CreatedAt", s."LastSeenAt", s."IdleExpiresAt", s."AbsoluteExpiresAt", s."AuthenticatedAt",
        s."AuthenticationMethods", s."Transport", s."RememberMe", s."IpAddress", s."UserAgent"
        """;

    private const string SessionsOfUser = $"""SELECT {SessionColumns} FROM "UserSessions" AS s WHERE s."UserId" = @p0""";

    private const string SessionAndUser =
        $"""
        SELECT {SessionColumns},
            u."UserName", u."NormalizedUserName", u."Email", u."NormalizedEmail", u."EmailConfirmed", u."PasswordHash", u."SecurityStamp",
            u."ConcurrencyStamp", u."PhoneNumber", u."PhoneNumberConfirmed", u."TwoFactorEnabled", u."LockoutEnd", u."LockoutEnabled",
            u."AccessFailedCount", u."CreatedAt"
        FROM "UserSessions" AS s
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

    public static async Task<StoredSession?> FindAsync(PreparedConnection connection, TokenHash tokenHash)
    {
        UserSession session;
        ApplicationUser user;
        await using (var row = await connection.Prepare(SessionAndUser, tokenHash.Prefix, tokenHash.ToArray()).ExecuteReaderAsync())
        {
            if (!await row.ReadAsync())
            {
                return null;
            }

            (session, user) = (ReadSession(row), ReadUser(row));
        }

        List<string> roles = [];
        List<Claim> claims = [];
        await using (var rows = await connection.Prepare(RolesAndClaims, user.Id).ExecuteReaderAsync())
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

    /// <summary>Finds some session as a request does, another one each time, so that a damaged page is found here as soon as there.</summary>
    public static async Task ProbeAsync(PreparedConnection connection)
    {
        var from = SessionToken.Create().Hash.Prefix;
        var tokenHash = await connection.Prepare(
            """SELECT "TokenHash" FROM "UserSessions" WHERE "Key" >= @p0 ORDER BY "Key" LIMIT 1""", from).ExecuteScalarAsync();
        await FindAsync(connection, tokenHash is byte[] bytes ? new TokenHash(bytes) : default);
    }

    public static async Task<List<UserSession>> ListAsync(PreparedConnection connection, int userId)
    {
        List<UserSession> sessions = [];
        await using var rows = await connection.Prepare(SessionsOfUser, userId).ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            sessions.Add(ReadSession(rows));
        }

        return sessions;
    }

    private static UserSession ReadSession(DbDataReader row) => new()
    {
        Id = row.GetGuid(0),
        UserId = row.GetInt32(1),
        TokenHash = new TokenHash((byte[])row[2]),
        CreatedAt = Time(row, 3),
        LastSeenAt = Time(row, 4),
        IdleExpiresAt = Time(row, 5),
        AbsoluteExpiresAt = Time(row, 6),
        AuthenticatedAt = Time(row, 7),
        AuthenticationMethods = row.GetString(8).Split(' ', StringSplitOptions.RemoveEmptyEntries),
        Transport = Enum.Parse<SessionTransport>(row.GetString(9)),
        RememberMe = row.GetBoolean(10),
        IpAddress = Text(row, 11),
        UserAgent = Text(row, 12),
    };

    private static ApplicationUser ReadUser(DbDataReader row) => new()
    {
        Id = row.GetInt32(1),
        UserName = Text(row, 13),
        NormalizedUserName = Text(row, 14),
        Email = Text(row, 15),
        NormalizedEmail = Text(row, 16),
        EmailConfirmed = row.GetBoolean(17),
        PasswordHash = Text(row, 18),
        SecurityStamp = Text(row, 19),
        ConcurrencyStamp = Text(row, 20),
        PhoneNumber = Text(row, 21),
        PhoneNumberConfirmed = row.GetBoolean(22),
        TwoFactorEnabled = row.GetBoolean(23),
        LockoutEnd = row.IsDBNull(24) ? null : Time(row, 24),
        LockoutEnabled = row.GetBoolean(25),
        AccessFailedCount = row.GetInt32(26),
        CreatedAt = Time(row, 27),
    };

    private static string? Text(DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset Time(DbDataReader row, int column) => UnixTime.FromMilliseconds(row.GetInt64(column));
}
