using Microsoft.AspNetCore.Authentication;

namespace AuthApi.Sessions;

/// <summary>
/// What a sign-in or sign-out asks of the session scheme, and what the scheme returns, in the <see cref="AuthenticationProperties"/> that
/// both have.
/// </summary>
public static class SessionProperties
{
    private const string TransportKey = "session.transport";
    private const string EndAllReasonKey = "session.end_all.reason";
    private const string StartedKey = "session.started";
    private const string EndedKey = "session.ended";

    /// <summary>Properties of a sign-in.</summary>
    /// <param name="transport">How the client will send the token.</param>
    /// <param name="rememberMe">Whether the session has the longer limits, and its cookie outlives the browser.</param>
    public static AuthenticationProperties Create(SessionTransport transport, bool rememberMe) => new()
    {
        IsPersistent = rememberMe,
        Items = { [TransportKey] = transport.ToString() },
    };

    /// <summary>How the client will send the token: in the cookie, unless the properties say otherwise.</summary>
    public static SessionTransport GetTransport(this AuthenticationProperties properties) =>
        properties.GetString(TransportKey) == nameof(SessionTransport.Header) ? SessionTransport.Header : SessionTransport.Cookie;

    /// <summary>The session that a sign-in with these properties has started, and its token if the client sends it in the header.</summary>
    /// <exception cref="InvalidOperationException">No sign-in was made with these properties.</exception>
    public static (SessionResponse Session, string? Token) GetStartedSession(this AuthenticationProperties properties) =>
        properties.GetParameter<(SessionResponse, string?)?>(StartedKey)
        ?? throw new InvalidOperationException("No sign-in was made with these properties.");

    /// <summary>Properties of a sign-out that ends all sessions of the user in one transaction.</summary>
    /// <param name="reason">Why, as the audit entries say it.</param>
    public static AuthenticationProperties CreateForSignOutOfAll(string reason) => new() { Items = { [EndAllReasonKey] = reason } };

    /// <summary>The sessions that a sign-out of all has ended.</summary>
    /// <exception cref="InvalidOperationException">No such sign-out was made with these properties.</exception>
    public static IReadOnlyList<EndedSession> GetEndedSessions(this AuthenticationProperties properties) =>
        properties.GetParameter<IReadOnlyList<EndedSession>>(EndedKey)
        ?? throw new InvalidOperationException("No sign-out of all sessions was made with these properties.");

    internal static void SetStarted(this AuthenticationProperties properties, UserSession session, string? token) =>
        properties.SetParameter<(SessionResponse, string?)?>(
            StartedKey, (SessionResponse.From(session, session.LastSeenAt, session.IdleExpiresAt, isCurrent: true), token));

    internal static string? GetEndAllReason(this AuthenticationProperties properties) => properties.GetString(EndAllReasonKey);

    internal static void SetEndedSessions(this AuthenticationProperties properties, IReadOnlyList<EndedSession> ended) =>
        properties.SetParameter(EndedKey, ended);
}
