namespace AuthApi.Sessions.Tests;

/// <summary>Sessions for tests that need no login.</summary>
internal static class SessionExamples
{
    public static UserSession New(string userId, DateTimeOffset now, TokenHash? tokenHash = null) => new()
    {
        Id = Guid.CreateVersion7(now),
        UserId = userId,
        TokenHash = tokenHash ?? SessionToken.Create().Hash,
        CreatedAt = now,
        LastSeenAt = now,
        IdleExpiresAt = now.AddMinutes(30),
        AbsoluteExpiresAt = now.AddHours(12),
        AuthenticatedAt = now,
        AuthenticationMethods = ["pwd", "otp"],
        Transport = SessionTransport.Cookie,
        RememberMe = true,
        IpAddress = "203.0.113.7",
        UserAgent = "tests",
    };

    public static SessionStart Start(UserSession? replaces = null, int maxPerUser = int.MaxValue) =>
        new(replaces is null ? [] : [replaces], maxPerUser, new Dictionary<Guid, DateTimeOffset>(), SecurityStamp: null);
}
