using System.Security.Claims;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Sessions;

/// <summary>What open connections ask of sessions, which are otherwise looked at once a request.</summary>
internal static class SessionLiveness
{
    /// <summary>How often an open connection asks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>Whether the session that authenticated a user is live.</summary>
    public static async Task<bool> IsLiveAsync(this UserSessionManager sessions, ClaimsPrincipal user, IdentityOptions identity) =>
        user.FindSessionId() is { } sessionId
        && user.FindFirst(identity.ClaimsIdentity.UserIdClaimType)?.Value is { } userId
        && await sessions.IsLiveAsync(userId, sessionId);
}
