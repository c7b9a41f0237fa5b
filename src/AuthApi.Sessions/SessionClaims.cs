using System.Security.Claims;

namespace AuthApi.Sessions;

/// <summary>The claims that a session adds to Identity's.</summary>
public static class SessionClaims
{
    /// <summary>The session's public id (OpenID Connect Front-Channel Logout 1.0, 3).</summary>
    public const string SessionId = "sid";

    /// <summary>The session's public id; <see langword="null"/> for a user who was not authenticated by a session.</summary>
    /// <param name="user">The user.</param>
    public static Guid? FindSessionId(this ClaimsPrincipal user) => Guid.TryParse(user.FindFirst(SessionId)?.Value, out var id) ? id : null;
}
