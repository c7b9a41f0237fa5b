using System.Runtime.ExceptionServices;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>Options of the session scheme. The limits of sessions are in <see cref="UserSessionOptions"/>.</summary>
internal sealed class SessionAuthenticationOptions : AuthenticationSchemeOptions
{
    /// <summary>Whether sessions are served over plain HTTP; in Development, on one machine, only.</summary>
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
    IOptions<IdentityOptions> identity,
    UserSessionManager sessions,
    IUserSessionStore store,
    StoreUnavailableExceptionHandler unavailable,
    IdentityCookieCarryOver carryOver,
    IClaimsTransformation transformation,
    TimeProvider time,
    ILoggerFactory logger,
    UrlEncoder encoder)
    : SignInAuthenticationHandler<SessionAuthenticationOptions>(options, logger, encoder)
{
    private static readonly AuthenticateResult DeadSession = AuthenticateResult.Fail("The token belongs to no live session.");
    private static readonly AuthenticateResult AmbiguousSession = AuthenticateResult.Fail("Two session cookies came with different values.");

    // What this request has started, and nobody has the token of but its response.
    private UserSession? _started;

    // This request is authenticated by Identity's cookie, whose session another request of the same page has started: it has no token.
    private bool _hasNoToken;

    private string CookieName => SessionCookie.NameFor(Request, limits.Value);

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        try
        {
            if (!TryReadToken(out var text, out var transport, out var isAmbiguous))
            {
                return await CarryOverAsync() is { } carried ? Success(carried) : AuthenticateResult.NoResult();
            }

            if (isAmbiguous)
            {
                return AmbiguousSession;
            }

            if (!SessionToken.TryParse(text, out var token))
            {
                // Identity's cookie has the name of the session's where the application has named it.
                return transport == SessionTransport.Cookie && await CarryOverAsync() is { } carried ? Success(carried) : DeadSession;
            }

            var use = Context.GetEndpoint()?.Metadata.GetMetadata<NoSessionUseAttribute>() is null ? Context : null;
            return await sessions.FindAsync(token.Hash, use) is { } session ? Success(session) : DeadSession;
        }
        catch (Exception exception) when (store.IsOutOfReach(exception))
        {
            // A call that needs no session is served; the challenge of one that does answers 503.
            return AuthenticateResult.Fail(exception);
        }
    }

    /// <summary>Starts a session with a new token, always, and ends those whose tokens came with the request (ASVS 7.2.4).</summary>
    protected override async Task HandleSignInAsync(ClaimsPrincipal user, AuthenticationProperties? properties)
    {
        if (!Request.IsHttps && !Options.AllowPlainHttp)
        {
            throw new InvalidOperationException(
                "A session is started over HTTPS only, or over plain HTTP in Development. Behind a proxy that does the TLS, UseForwardedHeaders must come before UseAuthentication.");
        }

        var carried = await FindCarriedSessionsAsync();
        await StartAsync(user, properties ?? new AuthenticationProperties(), _started is null ? carried : [.. carried, _started]);
    }

    /// <summary>
    /// Ends the session durably before it returns. Nothing here listens to <see cref="HttpContext.RequestAborted"/>: a client
    /// that hangs up has logged out all the same.
    /// </summary>
    protected override async Task HandleSignOutAsync(AuthenticationProperties? properties)
    {
        var client = ClientInfo.Of(Context);
        var carried = await FindCarriedSessionsAsync();

        // As after a sign-in that the application takes back: the response has the token.
        if (_started is { } started && carried.All(one => one.Id != started.Id))
        {
            carried = [.. carried, started];
        }

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

        if (limits.Value.CarryOverIdentityCookies)
        {
            carryOver.RemoveCookie(Context, except: CookieName);
        }

        RemoveCookie();
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        // The store out of reach is not a dead session: the answer is 503, and the cookie stays.
        var result = await HandleAuthenticateOnceAsync();
        if (result.Failure is { } failure && await unavailable.TryHandleAsync(Context, failure, CancellationToken.None))
        {
            return;
        }

        if (Context.GetEndpoint()?.Metadata.GetMetadata<RemovesDeadCookieAttribute>() is not null)
        {
            // Of two cookies it is not known which one the client means, and it asks for both to go.
            await HandleSignOutAsync(properties: null);
        }

        if (limits.Value.LoginPath.HasValue && Request.IsNavigation())
        {
            Redirect(limits.Value.LoginPath, properties);
            return;
        }

        var problem = ReferenceEquals(result, AmbiguousSession) ? SessionProblem.AmbiguousSession
            : result.None && Request.Headers.Authorization.Count > 0 ? SessionProblem.OtherAuthorization
            : SessionProblem.NotAuthenticated;
        await problem.WriteAsync(Context);
    }

    protected override async Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        if (limits.Value.AccessDeniedPath.HasValue && Request.IsNavigation())
        {
            Redirect(limits.Value.AccessDeniedPath, properties);
            return;
        }

        await SessionProblem.Forbidden.WriteAsync(Context);
    }

    private AuthenticateResult Success(LiveSession session)
    {
        Context.Features.Set(session);
        return AuthenticateResult.Success(session.CreateTicket(
            Scheme.Name, isShared: limits.Value.SharePrincipals && transformation is NoopClaimsTransformation));
    }

    // A cookie of Identity's from before, whose ticket names the session that it may become once.
    private async Task<LiveSession?> CarryOverAsync()
    {
        if (!limits.Value.CarryOverIdentityCookies
            || (!Request.IsHttps && !Options.AllowPlainHttp)
            || Response.HasStarted
            || await carryOver.ReadAsync(Context) is not { } cookie)
        {
            return null;
        }

        _hasNoToken = cookie.Started is not null;
        var session = cookie.Started ?? await StartOnceAsync(cookie);
        carryOver.RemoveCookie(Context, except: CookieName);
        return session is null ? null : await sessions.FindAsync(session.TokenHash, Context);
    }

    private async Task<UserSession?> StartOnceAsync(IdentityCookie cookie)
    {
        if (await StartAsync(cookie.Ticket.Principal, cookie.Ticket.Properties, replaces: [], cookie.SessionId) is { } session)
        {
            return session;
        }

        // Of the requests of one page one starts the session. It may have ended since.
        _hasNoToken = true;
        return (await carryOver.ReadAsync(Context))?.Started;
    }

    private async Task<UserSession?> StartAsync(
        ClaimsPrincipal user, AuthenticationProperties properties, IReadOnlyList<UserSession> replaces, Guid? carriedOverAs = null)
    {
        var claims = identity.Value.ClaimsIdentity;
        var userId = user.FindFirstValue(claims.UserIdClaimType)
            ?? throw new InvalidOperationException($"The user who signs in has no claim {claims.UserIdClaimType} with their id.");
        var token = SessionToken.Create();
        var client = ClientInfo.Of(Context);
        var now = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());

        // SignInManager.RefreshSignInAsync passes the properties of the request's own session: the user has proven nothing by it.
        var refreshed = properties.GetSession() is { } known && known.Session.UserId == userId ? known.Session : null;
        if (refreshed is not null && _hasNoToken)
        {
            Log.NotRefreshed(Logger, userId);
            return null;
        }

        var rememberMe = refreshed?.RememberMe ?? properties.IsPersistent;
        var absoluteExpiresAt = refreshed?.AbsoluteExpiresAt ?? now.AddSaturating(limits.Value.AbsoluteTimeoutOf(rememberMe));
        if (carriedOverAs is null && properties.ExpiresUtc < absoluteExpiresAt)
        {
            absoluteExpiresAt = properties.ExpiresUtc.Value;
        }

        var idleExpiresAt = now.AddSaturating(limits.Value.IdleTimeoutOf(rememberMe));
        var session = new UserSession
        {
            Id = carriedOverAs ?? UnixTime.NewId(now),
            UserId = userId,
            TokenHash = token.Hash,
            CreatedAt = now,
            LastSeenAt = now,
            IdleExpiresAt = idleExpiresAt < absoluteExpiresAt ? idleExpiresAt : absoluteExpiresAt,
            AbsoluteExpiresAt = absoluteExpiresAt,
            AuthenticatedAt = refreshed?.AuthenticatedAt ?? (carriedOverAs is null ? now : DateTimeOffset.UnixEpoch),
            AuthenticationMethods = [.. user.FindAll("amr").Select(claim => claim.Value).Distinct()],
            Transport = properties.GetTransport(),
            RememberMe = rememberMe,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        };

        // A session that has ended since the request was authenticated is not refreshed, unless this request's own change of the stamp has ended it.
        var hasEndedItself = refreshed is not null && Context.Features.Get<EndedByOwnChange>()?.SessionId == refreshed.Id;
        var start = new SignIn(
            replaces, user.FindFirstValue(claims.SecurityStampClaimType), MustEnd: hasEndedItself ? null : refreshed?.Id, IsCarriedOver: carriedOverAs is not null);
        if (!await sessions.StartAsync(session, start))
        {
            Log.NotStarted(Logger, userId);
            return null;
        }

        _started = session;
        Context.Features.Set(new LiveSession(session, LastSeenTracker.LastUse(session, pending: null), user));
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

        return session;
    }

    private void Redirect(PathString path, AuthenticationProperties properties)
    {
        var returnUrl = properties.RedirectUri ?? OriginalPathBase + OriginalPath + Request.QueryString;
        var address = UriHelper.BuildAbsolute(Request.Scheme, Request.Host, OriginalPathBase, path, QueryString.Create(limits.Value.ReturnUrlParameter, returnUrl));
        Response.Headers.CacheControl = "no-store";
        Response.Redirect(address);
    }

    private async Task<AuthenticateResult> AuthenticateOrThrowAsync()
    {
        var result = await HandleAuthenticateOnceAsync();
        if (result.Failure is { } failure && store.IsOutOfReach(failure))
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
            return result.Properties?.GetSession() is { } current ? [current.Session] : [];
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
        if (_started is { Transport: SessionTransport.Cookie } || (TryReadToken(out _, out var transport, out _) && transport == SessionTransport.Cookie))
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

        [LoggerMessage(209, LogLevel.Information, "User {UserId} has a session that another request of the same page has started, and it was not refreshed by this one.")]
        public static partial void NotRefreshed(ILogger logger, string userId);

        [LoggerMessage(206, LogLevel.Information, "User {UserId} has changed while they signed in, and no session was started.")]
        public static partial void NotStarted(ILogger logger, string userId);
    }
}
