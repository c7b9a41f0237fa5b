using System.Runtime.ExceptionServices;
using System.Security.Claims;
using System.Text.Encodings.Web;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>Options of the session scheme. The limits of sessions are in <see cref="UserSessionOptions"/>.</summary>
public sealed class SessionAuthenticationOptions : AuthenticationSchemeOptions
{
    /// <summary>Whether sessions are served over plain HTTP; for development on one machine only.</summary>
    public bool AllowPlainHttp { get; set; }
}

/// <summary>
/// Authenticates a request by its session, in place of Identity's cookie handler and under its scheme, so that
/// <c>SignInManager</c> signs in and out through it. The cookie handler trusts what the cookie says until it expires; here the
/// cookie holds a random token, and what is in the store counts.
/// </summary>
internal sealed partial class SessionAuthenticationHandler(
    IOptionsMonitor<SessionAuthenticationOptions> options,
    IOptions<UserSessionOptions> limits,
    UserSessionManager sessions,
    IClaimsTransformation transformation,
    TimeProvider time,
    ILoggerFactory logger,
    UrlEncoder encoder)
    : SignInAuthenticationHandler<SessionAuthenticationOptions>(options, logger, encoder)
{
    private static readonly AuthenticateResult DeadSession = AuthenticateResult.Fail("The token belongs to no live session.");
    private static readonly AuthenticateResult AmbiguousSession = AuthenticateResult.Fail("Two session cookies came with different values.");

    private string CookieName => SessionCookie.NameFor(Request, limits.Value);

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (!TryReadToken(out var text, out _, out var isAmbiguous))
        {
            return AuthenticateResult.NoResult();
        }

        if (isAmbiguous)
        {
            return AmbiguousSession;
        }

        if (!SessionToken.TryParse(text, out var token))
        {
            return DeadSession;
        }

        try
        {
            return await sessions.FindAsync(token.Hash) is { } session
                ? AuthenticateResult.Success(session.CreateTicket(Scheme.Name, isShared: transformation is NoopClaimsTransformation))
                : DeadSession;
        }
        catch (Exception exception) when (StoreUnavailableException.IsCauseOf(exception))
        {
            // A call that needs no session is served; the challenge of one that does answers 503.
            return AuthenticateResult.Fail(exception);
        }
    }

    /// <summary>Starts a session with a new token, always, and ends those whose tokens came with the request (ASVS 7.2.4).</summary>
    protected override async Task HandleSignInAsync(ClaimsPrincipal user, AuthenticationProperties? properties)
    {
        properties ??= new AuthenticationProperties();
        var carried = await FindCarriedSessionsAsync();
        var rememberMe = properties.IsPersistent;
        var token = SessionToken.Create();
        var client = ClientInfo.Of(Context);
        var now = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
        var session = new UserSession
        {
            Id = UnixTime.NewId(now),
            UserId = user.GetUserId(),
            TokenHash = token.Hash,
            CreatedAt = now,
            LastSeenAt = now,
            IdleExpiresAt = now.AddSaturating(limits.Value.IdleTimeoutOf(rememberMe)),
            AbsoluteExpiresAt = now.AddSaturating(limits.Value.AbsoluteTimeoutOf(rememberMe)),
            AuthenticatedAt = now,
            AuthenticationMethods = [.. user.FindAll("amr").Select(claim => claim.Value)],
            Transport = properties.GetTransport(),
            RememberMe = rememberMe,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        };

        await sessions.StartAsync(session, replaces: carried);
        if (session.Transport == SessionTransport.Header)
        {
            properties.SetStarted(session, token.Reveal());
        }
        else
        {
            SessionCookie.Append(Context, token, session, limits.Value);
            properties.SetStarted(session, token: null);
            WarnOfForeignCookie();
        }
    }

    /// <summary>
    /// Ends the session durably before it returns. Nothing here listens to <see cref="HttpContext.RequestAborted"/>: a client
    /// that hangs up has logged out all the same.
    /// </summary>
    protected override async Task HandleSignOutAsync(AuthenticationProperties? properties)
    {
        var client = ClientInfo.Of(Context);
        var carried = await FindCarriedSessionsAsync();
        if (carried is [var session] && properties?.GetEndAllReason() is { } reason)
        {
            properties.SetEndedSessions(await sessions.EndAllAsync(
                session.UserId, new SessionEnd(AuditEvent.SessionRevoked, client, session.Id, reason)));
        }
        else
        {
            foreach (var one in carried)
            {
                await sessions.EndAsync(one, new SessionEnd(AuditEvent.SignedOut, client));
            }
        }

        if (limits.Value.ClearSiteData is { Length: > 0 } clear && carried.Any(ended => ended.Transport == SessionTransport.Cookie))
        {
            Response.Headers["Clear-Site-Data"] = clear;
        }

        RemoveCookie();
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        // The store out of reach is not a dead session: it throws, and the cookie stays.
        var result = await AuthenticateOrThrowAsync();
        if (Context.GetEndpoint()?.Metadata.GetMetadata<RemovesDeadCookieAttribute>() is not null)
        {
            // Of two cookies it is not known which one the client means, and it asks for both to go.
            await HandleSignOutAsync(properties: null);
        }

        var problem = ReferenceEquals(result, AmbiguousSession) ? ApiProblem.AmbiguousSession
            : result.None && Request.Headers.Authorization.Count > 0 ? ApiProblem.OtherAuthorization
            : ApiProblem.NotAuthenticated;
        await problem.WriteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => ApiProblem.Forbidden.WriteAsync(Context);

    private async Task<AuthenticateResult> AuthenticateOrThrowAsync()
    {
        var result = await HandleAuthenticateOnceAsync();
        if (result.Failure is { } failure && StoreUnavailableException.IsCauseOf(failure))
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        return result;
    }

    // The session that authenticates the request; or, where cookies with different values came, the live sessions among them.
    private async Task<IReadOnlyList<UserSession>> FindCarriedSessionsAsync()
    {
        var result = await AuthenticateOrThrowAsync();
        if (!ReferenceEquals(result, AmbiguousSession))
        {
            return result.GetSession() is { } current ? [current.Session] : [];
        }

        List<UserSession> carried = [];
        foreach (var value in SessionCookie.ReadAll(Request, CookieName))
        {
            if (SessionToken.TryParse(value, out var token) && await sessions.FindAsync(token.Hash) is { } found)
            {
                carried.Add(found.Session);
            }
        }

        return carried;
    }

    // The header alone authenticates a request that has one, whatever cookie is beside it. What either holds need not be a token.
    private bool TryReadToken(out ReadOnlySpan<char> token, out SessionTransport transport, out bool isAmbiguous)
    {
        token = default;
        isAmbiguous = false;
        transport = SessionTransport.Header;
        if (!Request.IsHttps && !Options.AllowPlainHttp)
        {
            return false;
        }

        if (SessionHeader.TryRead(Request, out token))
        {
            return true;
        }

        transport = SessionTransport.Cookie;
        return SessionCookie.TryRead(Request, CookieName, out token, out isAmbiguous);
    }

    private void RemoveCookie()
    {
        if (TryReadToken(out _, out var transport, out _) && transport == SessionTransport.Cookie)
        {
            SessionCookie.Remove(Context, limits.Value);
        }
    }

    // Only Development is served over plain HTTP, where all programs on localhost share their cookies, whatever their port.
    private void WarnOfForeignCookie()
    {
        if (!Request.IsHttps
            && SessionCookie.TryRead(Request, CookieName, out var value, out var isAmbiguous)
            && !isAmbiguous
            && !SessionToken.TryParse(value, out _))
        {
            Log.ForeignCookie(Logger, CookieName);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(205, LogLevel.Warning, "A login came with a cookie {CookieName} that another program on this host has set. If calls are answered 401 ambiguous_session, set Sessions:CookieName to another name.")]
        public static partial void ForeignCookie(ILogger logger, string cookieName);
    }
}
