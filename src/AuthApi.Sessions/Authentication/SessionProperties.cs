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
    private const string SessionKey = "session";

    /// <summary>Properties of a sign-in.</summary>
    /// <param name="transport">How the client will send the token.</param>
    /// <param name="rememberMe">Whether the session has the longer limits, and its cookie outlives the browser.</param>
    public static AuthenticationProperties Create(SessionTransport transport, bool rememberMe) => new()
    {
        IsPersistent = rememberMe,
        Items = { [TransportKey] = transport == SessionTransport.Header ? "header" : "cookie" },
    };

    /// <summary>How the client will send the token: in the cookie, unless the properties say otherwise.</summary>
    /// <param name="properties">The properties of a sign-in.</param>
    public static SessionTransport GetTransport(this AuthenticationProperties properties)
    {
        ArgumentNullException.ThrowIfNull(properties);
        return properties.GetString(TransportKey) == "header" || properties.GetSession()?.Session.Transport == SessionTransport.Header
            ? SessionTransport.Header
            : SessionTransport.Cookie;
    }

    /// <summary>
    /// The session that a sign-in with these properties has started, and its token if the client sends it in the header; <see langword="null"/>
    /// if none was started, because the user has changed meanwhile.
    /// </summary>
    /// <param name="properties">The properties of a sign-in.</param>
    public static StartedSession? GetStartedSession(this AuthenticationProperties properties)
    {
        ArgumentNullException.ThrowIfNull(properties);
        return properties.GetParameter<StartedSession>(StartedKey);
    }

    /// <summary>Properties of a sign-out that ends all sessions of the user in one transaction.</summary>
    /// <param name="reason">Why, as the events say it.</param>
    public static AuthenticationProperties CreateForSignOutOfAll(string reason) => new() { Items = { [EndAllReasonKey] = reason } };

    /// <summary>The sessions that a sign-out of all has ended.</summary>
    /// <param name="properties">The properties of the sign-out.</param>
    /// <exception cref="InvalidOperationException">No such sign-out was made with these properties.</exception>
    public static IReadOnlyList<EndedSession> GetEndedSessions(this AuthenticationProperties properties)
    {
        ArgumentNullException.ThrowIfNull(properties);
        return properties.GetParameter<IReadOnlyList<EndedSession>>(EndedKey)
            ?? throw new InvalidOperationException("No sign-out of all sessions was made with these properties.");
    }

    internal static void SetStarted(this AuthenticationProperties properties, UserSession session, string? token) =>
        properties.SetParameter(StartedKey, new StartedSession(session, SessionResponse.From(session, isCurrent: true), token));

    internal static string? GetEndAllReason(this AuthenticationProperties properties) => properties.GetString(EndAllReasonKey);

    internal static void SetEndedSessions(this AuthenticationProperties properties, IReadOnlyList<EndedSession> ended) =>
        properties.SetParameter(EndedKey, ended);

    /// <summary>The session whose ticket these are the properties of.</summary>
    internal static LiveSession? GetSession(this AuthenticationProperties properties) => properties.GetParameter<LiveSession>(SessionKey);

    /// <summary>The properties of a session's ticket.</summary>
    internal static AuthenticationProperties Of(LiveSession session)
    {
        var properties = new AuthenticationProperties();
        properties.SetParameter(SessionKey, session);
        if (session.Session.RememberMe)
        {
            properties.IsPersistent = true;
        }

        return properties;
    }
}

/// <summary>A session that a sign-in has started.</summary>
/// <param name="Session">The session.</param>
/// <param name="Response">The session as its owner may see it.</param>
/// <param name="Token">The token, where the client sends it in the header: 43 characters of base64url, to be returned to the client and kept nowhere.</param>
public sealed record StartedSession(UserSession Session, SessionResponse Response, string? Token)
{
    /// <summary>Says nothing of the token.</summary>
    public override string ToString() => $"{nameof(StartedSession)} {Session.Id}";
}
