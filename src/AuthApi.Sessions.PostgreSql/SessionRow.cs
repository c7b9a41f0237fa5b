using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>The columns of a session's row.</summary>
internal sealed class SessionRow(SessionSchema schema)
{
    // As they are stored, whatever the names in the code.
    public const string Cookie = "Cookie";
    public const string Header = "Header";

    /// <summary>What is selected from the table, which is <c>s</c>.</summary>
    public const string Columns =
        """
        s."Id", s."UserId", s."TokenHash", s."CreatedAt", s."LastSeenAt", s."IdleExpiresAt", s."AbsoluteExpiresAt", s."AuthenticatedAt",
        s."AuthenticationMethods", s."Transport", s."RememberMe", s."IpAddress", s."UserAgent", s."LastIpAddress", s."LastUserAgent", s."PrincipalVersion"
        """;

    /// <summary>How many they are.</summary>
    public const int Count = 16;

    public UserSession Read(NpgsqlDataReader row) => new()
    {
        Id = row.GetGuid(0),
        UserId = schema.FromColumn(row, 1),
        TokenHash = new TokenHash((byte[])row[2]),
        CreatedAt = Time(row, 3),
        LastSeenAt = Time(row, 4),
        IdleExpiresAt = Time(row, 5),
        AbsoluteExpiresAt = Time(row, 6),
        AuthenticatedAt = Time(row, 7),
        AuthenticationMethods = row.GetString(8).Split(' ', StringSplitOptions.RemoveEmptyEntries),
        Transport = row.GetString(9) == Header ? SessionTransport.Header : SessionTransport.Cookie,
        RememberMe = row.GetBoolean(10),
        IpAddress = Text(row, 11),
        UserAgent = Text(row, 12),
        LastIpAddress = Text(row, 13),
        LastUserAgent = Text(row, 14),
        PrincipalVersion = row.GetInt32(15),
    };

    private static DateTimeOffset Time(NpgsqlDataReader row, int column) => row.GetFieldValue<DateTimeOffset>(column);

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
