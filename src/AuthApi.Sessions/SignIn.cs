namespace AuthApi.Sessions;

/// <summary>What a sign-in asks of the start of its session.</summary>
/// <param name="Replaces">The sessions whose tokens came with the request.</param>
/// <param name="SecurityStamp">The user's security stamp, as the principal has it.</param>
/// <param name="MustEnd">The session that is refreshed, which must not have ended before.</param>
/// <param name="IsCarriedOver">Whether it is a cookie of Identity's that becomes a session, once.</param>
internal sealed record SignIn(IReadOnlyList<UserSession> Replaces, string? SecurityStamp, Guid? MustEnd = null, bool IsCarriedOver = false);

/// <summary>The feature of a request whose own change of its user's security stamp has ended its session.</summary>
/// <param name="SessionId">The session.</param>
internal sealed record EndedByOwnChange(Guid SessionId);
