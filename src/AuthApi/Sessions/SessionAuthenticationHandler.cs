using System.Runtime.ExceptionServices;
using System.Security.Claims;
using System.Text.Encodings.Web;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>What the session scheme can be told. The limits of sessions are in <see cref="UserSessionOptions"/>.</summary>
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
internal sealed class SessionAuthenticationHandler(
    IOptionsMonitor<SessionAuthenticationOptions> options,
    IOptions<UserSessionOptions> limits,
    UserSessionManager sessions,
    TimeProvider time,
    ILoggerFactory logger,
    UrlEncoder encoder)
    : SignInAuthenticationHandler<SessionAuthenticationOptions>(options, logger, encoder)
{
    private static readonly AuthenticateResult DeadSession = AuthenticateResult.Fail("The token belongs to no live session.");

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (!TryReadToken(out var text, out _))
        {
            return AuthenticateResult.NoResult();
        }

        if (!SessionToken.TryParse(text, out var token))
        {
            return DeadSession;
        }

        try
        {
            return await sessions.FindAsync(token.Hash) is { } session
                ? AuthenticateResult.Success(session.CreateTicket(Scheme.Name))
                : DeadSession;
        }
        catch (Exception exception) when (StoreUnavailableException.IsCauseOf(exception))
        {
            // A call that needs no session is served; the challenge of one that does answers 503.
            return AuthenticateResult.Fail(exception);
        }
    }

    /// <summary>Starts a session with a new token, always, and ends the one the request came with (ASVS 7.2.4).</summary>
    protected override async Task HandleSignInAsync(ClaimsPrincipal user, AuthenticationProperties? properties)
    {
        properties ??= new AuthenticationProperties();
        var current = await AuthenticateSessionAsync();
        var rememberMe = properties.IsPersistent;
        var token = SessionToken.Create();
        var client = ClientInfo.Of(Context);
        var now = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
        var session = new UserSession
        {
            Id = Guid.CreateVersion7(now),
            UserId = user.GetUserId(),
            TokenHash = token.Hash,
            CreatedAt = now,
            LastSeenAt = now,
            IdleExpiresAt = now + limits.Value.IdleTimeoutOf(rememberMe),
            AbsoluteExpiresAt = now + limits.Value.AbsoluteTimeoutOf(rememberMe),
            AuthenticatedAt = now,
            AuthenticationMethods = [.. user.FindAll("amr").Select(claim => claim.Value)],
            Transport = properties.GetTransport(),
            RememberMe = rememberMe,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        };

        await sessions.StartAsync(session, replaces: current is null ? [] : [current.Session]);
        if (session.Transport == SessionTransport.Header)
        {
            RemoveCookie();
            properties.SetStarted(session, token.Reveal());
        }
        else
        {
            SessionCookie.Append(Context, token, rememberMe ? session.AbsoluteExpiresAt : null);
            properties.SetStarted(session, token: null);
        }
    }

    /// <summary>
    /// Ends the session durably before it returns. Nothing here listens to <see cref="HttpContext.RequestAborted"/>: a client
    /// that hangs up has logged out all the same.
    /// </summary>
    protected override async Task HandleSignOutAsync(AuthenticationProperties? properties)
    {
        if (await AuthenticateSessionAsync() is { } current)
        {
            var (session, client) = (current.Session, ClientInfo.Of(Context));
            if (properties?.GetEndAllReason() is { } reason)
            {
                properties.SetEndedSessions(await sessions.EndAllAsync(
                    session.UserId, new SessionEnd(AuditEvent.SessionRevoked, client, session.Id, reason)));
            }
            else
            {
                await sessions.EndAsync(session, new SessionEnd(AuditEvent.SignedOut, client));
            }

            if (limits.Value.ClearSiteData is { Length: > 0 } clear)
            {
                Response.Headers["Clear-Site-Data"] = clear;
            }
        }

        RemoveCookie();
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        // The store out of reach is not a dead session: it throws, and the cookie stays.
        await AuthenticateSessionAsync();
        Response.Headers.WWWAuthenticate = "Session realm=\"AuthApi\"";
        RemoveCookie();
        await ApiProblem.NotAuthenticated.WriteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => ApiProblem.Forbidden.WriteAsync(Context);

    private async Task<CachedSession?> AuthenticateSessionAsync()
    {
        var result = await HandleAuthenticateOnceAsync();
        if (result.Failure is { } failure && StoreUnavailableException.IsCauseOf(failure))
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        return result.GetSession();
    }

    // The header alone authenticates a request that has one, whatever cookie is beside it. What either holds need not be a token.
    private bool TryReadToken(out ReadOnlySpan<char> token, out SessionTransport transport)
    {
        token = default;
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
        return SessionCookie.TryRead(Request, out token);
    }

    private void RemoveCookie()
    {
        if (TryReadToken(out _, out var transport) && transport == SessionTransport.Cookie)
        {
            SessionCookie.Remove(Context);
        }
    }
}
