using Microsoft.AspNetCore.Authentication;

namespace AuthApi.Sessions;

/// <summary>The session that was started while answering this request.</summary>
internal sealed record StartedSession(UserSession Session);

/// <summary>What a controller may know of sessions.</summary>
public static class HttpContextSession
{
    /// <summary>The session that this request was authenticated by, as its owner may see it.</summary>
    /// <exception cref="InvalidOperationException">The request was not authenticated by a session.</exception>
    public static SessionResponse GetSession(this HttpContext context)
    {
        var current = CachedSession.Of(context.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult)
            ?? throw new InvalidOperationException("The request was not authenticated by a session.");
        return SessionResponse.From(current.Session, current.LastSeenAt, current.ExpiresAt, isCurrent: true);
    }

    /// <summary>The session that <c>SignInManager</c> started while answering this request.</summary>
    /// <exception cref="InvalidOperationException">None was started.</exception>
    public static SessionResponse GetStartedSession(this HttpContext context)
    {
        var session = (context.Features.Get<StartedSession>()
            ?? throw new InvalidOperationException("No session was started while answering this request.")).Session;
        return SessionResponse.From(session, session.LastSeenAt, session.IdleExpiresAt, isCurrent: true);
    }
}
