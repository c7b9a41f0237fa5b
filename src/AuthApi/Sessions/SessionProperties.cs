using Microsoft.AspNetCore.Authentication;

namespace AuthApi.Sessions;

/// <summary>
/// What a sign-in or sign-out says to the session scheme, and what the scheme returns, in the <see cref="AuthenticationProperties"/> that
/// travel between them.
/// </summary>
public static class SessionProperties
{
    private const string ReasonKey = "session.end_all.reason";

    /// <summary>Properties of a sign-out that ends all sessions of the user in one transaction.</summary>
    /// <param name="reason">Why, as the audit entries say it.</param>
    public static AuthenticationProperties CreateForSignOutOfAll(string reason) => new() { Items = { [ReasonKey] = reason } };

    /// <summary>The sessions that a sign-out of all has ended.</summary>
    /// <exception cref="InvalidOperationException">No such sign-out was made with these properties.</exception>
    public static IReadOnlyList<EndedSession> GetEndedSessions(this AuthenticationProperties properties) =>
        properties.GetParameter<IReadOnlyList<EndedSession>>(nameof(GetEndedSessions))
        ?? throw new InvalidOperationException("No sign-out of all sessions was made with these properties.");

    internal static string? GetReasonToEndAll(this AuthenticationProperties properties) => properties.GetString(ReasonKey);

    internal static void SetEndedSessions(this AuthenticationProperties properties, IReadOnlyList<EndedSession> ended) =>
        properties.SetParameter(nameof(GetEndedSessions), ended);
}
