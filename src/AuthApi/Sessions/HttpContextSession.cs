using System.Security.Claims;
using AuthApi.Api;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>What a controller may ask of sessions.</summary>
public static class HttpContextSession
{
    private const string SessionParameter = "Session";

    /// <summary>The session that this request was authenticated by.</summary>
    /// <exception cref="InvalidOperationException">The request was not authenticated by a session.</exception>
    public static CachedSession GetSession(this HttpContext context) =>
        context.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.GetSession()
        ?? throw new InvalidOperationException("The request was not authenticated by a session.");

    /// <summary>
    /// Whether session cookies with different values came. A login would set another beside them, and none of them could be used: one is of
    /// another path or domain than this program's.
    /// </summary>
    public static bool HasAmbiguousSession(this HttpContext context)
    {
        var options = context.RequestServices.GetRequiredService<IOptions<UserSessionOptions>>().Value;
        return SessionCookie.TryRead(context.Request, SessionCookie.NameFor(context.Request, options), out _, out var isAmbiguous) && isAmbiguous;
    }

    /// <summary>The session that authenticated a request.</summary>
    internal static CachedSession? GetSession(this AuthenticateResult result) => result.Properties?.GetParameter<CachedSession>(SessionParameter);

    /// <summary>The ticket of a request that <paramref name="session"/> authenticates, for <see cref="GetSession(AuthenticateResult)"/> to find it by.</summary>
    /// <param name="session">The session.</param>
    /// <param name="scheme">The name of its scheme.</param>
    /// <param name="isShared">Whether all requests of the session may have one principal; a claims transformation may change it, and needs a copy.</param>
    internal static AuthenticationTicket CreateTicket(this CachedSession session, string scheme, bool isShared)
    {
        var properties = new AuthenticationProperties();
        properties.SetParameter(SessionParameter, session);

        // ClaimsPrincipal.Clone would share its identities.
        var principal = isShared ? session.Principal : new ClaimsPrincipal(session.Principal.Identities.Select(identity => identity.Clone()));
        return new AuthenticationTicket(principal, properties, scheme);
    }

    /// <summary>
    /// Gives this request's session a new token, as after every proof of who one is (ASVS 7.2.4): by its cookie, or to be handed to
    /// the client. The old token is dead when this returns.
    /// </summary>
    /// <returns>The session and its token if it travels in the header; <see langword="null"/> if the session has ended meanwhile.</returns>
    public static async Task<(SessionResponse Session, string? Token)?> RenewSessionAsync(this HttpContext context, UserSessionManager sessions)
    {
        var current = context.GetSession();
        var token = SessionToken.Create();
        if (await sessions.RenewAsync(current, token, ClientInfo.Of(context)) is not { } renewed)
        {
            return null;
        }

        var response = SessionResponse.From(renewed, current.LastSeenAt, current.ExpiresAt, isCurrent: true);
        if (renewed.Transport == SessionTransport.Header)
        {
            return (response, token.Reveal());
        }

        SessionCookie.Append(context, token, renewed, context.RequestServices.GetRequiredService<IOptions<UserSessionOptions>>().Value);
        return (response, null);
    }
}
