using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>What an action, a page or an endpoint may ask of sessions.</summary>
public static class HttpContextSession
{
    /// <summary>The session that this request was authenticated by; <see langword="null"/> if by none.</summary>
    /// <param name="context">The request.</param>
    public static LiveSession? FindUserSession(this HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Features.Get<LiveSession>();
    }

    /// <summary>The session that this request was authenticated by.</summary>
    /// <param name="context">The request.</param>
    /// <exception cref="InvalidOperationException">The request was not authenticated by a session.</exception>
    public static LiveSession GetUserSession(this HttpContext context) =>
        context.FindUserSession() ?? throw new InvalidOperationException("The request was not authenticated by a session.");

    /// <summary>
    /// Whether session cookies with different values came. A login would set another beside them, and none of them could be used: one is of
    /// another path or domain than this program's.
    /// </summary>
    /// <param name="context">The request.</param>
    public static bool HasAmbiguousSession(this HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var options = context.RequestServices.GetRequiredService<IOptions<UserSessionOptions>>().Value;
        return SessionCookie.TryRead(context.Request, SessionCookie.NameFor(context.Request, options), out _, out var isAmbiguous) && isAmbiguous;
    }

    /// <summary>
    /// Gives this request's session a new token, as after every proof of who one is (ASVS 7.2.4): by its cookie, or to be returned to
    /// the client. The old token is dead when this returns.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="authenticationMethods">
    /// How the user has proved who they are, in the words of RFC 8176: what <c>amr</c> says from now on. <see langword="null"/> leaves it as it is.
    /// </param>
    /// <returns>The session, with its token if it travels in the header; <see langword="null"/> if the session has ended meanwhile.</returns>
    public static async Task<StartedSession?> RenewUserSessionAsync(this HttpContext context, IEnumerable<string>? authenticationMethods = null)
    {
        var current = context.GetUserSession();
        var token = SessionToken.Create();
        var sessions = context.RequestServices.GetRequiredService<UserSessionManager>();
        if (await sessions.RenewAsync(current, token, ClientInfo.Of(context), authenticationMethods) is not { } renewed)
        {
            return null;
        }

        var response = current.ToResponse() with { AuthenticationMethods = renewed.AuthenticationMethods };
        if (renewed.Transport == SessionTransport.Header)
        {
            return new StartedSession(renewed, response, token.Reveal());
        }

        SessionCookie.Append(context, token, renewed, context.RequestServices.GetRequiredService<IOptions<UserSessionOptions>>().Value);
        return new StartedSession(renewed, response, Token: null);
    }

    /// <summary>
    /// Spares this request's session when a change of the user's security stamp in this request ends their others, as after a change of the password by
    /// who has just given it. Call <see cref="RenewUserSessionAsync"/> after the change.
    /// </summary>
    /// <param name="context">The request.</param>
    public static void KeepUserSession(this HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Features.Set(new KeptSession());
    }

    internal static bool KeepsUserSession(this HttpContext context) => context.Features.Get<KeptSession>() is not null;

    private sealed class KeptSession;

    /// <summary>The ticket of a request that <paramref name="session"/> authenticates.</summary>
    /// <param name="session">The session.</param>
    /// <param name="scheme">The name of its scheme.</param>
    /// <param name="isShared">Whether all requests of the session may have one principal; a claims transformation may change it, and needs a copy.</param>
    internal static AuthenticationTicket CreateTicket(this LiveSession session, string scheme, bool isShared)
    {
        // ClaimsPrincipal.Clone would share its identities.
        var principal = isShared ? session.Principal : new ClaimsPrincipal(session.Principal.Identities.Select(identity => identity.Clone()));
        return new AuthenticationTicket(principal, SessionProperties.Of(session), scheme);
    }
}
