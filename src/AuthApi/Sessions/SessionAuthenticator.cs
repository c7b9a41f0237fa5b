using AuthApi.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Who a request is from, by the token that came with it. For every request, before anything else asks
/// (<see cref="SessionsServices.UseSessions"/>); and for <see cref="SessionAuthenticationHandler"/>, in an application that has only the framework's middleware.
/// </summary>
internal sealed class SessionAuthenticator(UserSessionManager sessions, IOptionsMonitor<SessionAuthenticationOptions> options)
{
    private static readonly Task<AuthenticateResult> None = Task.FromResult(AuthenticateResult.NoResult());
    private static readonly Task<AuthenticateResult> Dead = Task.FromResult(AuthenticateResult.Fail("The token belongs to no live session."));

    private readonly bool _allowPlainHttp = options.Get(IdentityConstants.ApplicationScheme).AllowPlainHttp;

    /// <summary>What the middleware has found, or what there is to find. A store out of reach is a failure with that as its exception.</summary>
    public Task<AuthenticateResult> AuthenticateAsync(HttpContext context)
    {
        if (context.Features.Get<IAuthenticateResultFeature>() is Found found)
        {
            return found.Result;
        }

        if (!TryReadToken(context.Request, out var text, out _))
        {
            return None;
        }

        return SessionToken.TryParse(text, out var token) ? AuthenticateAsync(token.Hash) : Dead;
    }

    /// <summary>Reads the token from the header, which is alone in its say where it comes, or else from the cookie.</summary>
    /// <returns>Whether one came. It need not be a token.</returns>
    public bool TryReadToken(HttpRequest request, out ReadOnlySpan<char> token, out SessionTransport transport)
    {
        token = default;
        transport = SessionTransport.Header;
        if (!request.IsHttps && !_allowPlainHttp)
        {
            return false;
        }

        if (SessionHeader.TryRead(request, out token))
        {
            return true;
        }

        transport = SessionTransport.Cookie;
        return SessionCookie.TryRead(request, out token);
    }

    /// <summary>
    /// Authenticates each request, as the framework's <c>UseAuthentication</c> would through the handler: without making the handler, which only
    /// signing in, signing out and refusing need, and without transforming claims, as no two of a session's requests differ in them.
    /// </summary>
    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var result = AuthenticateAsync(context);
        if (ReferenceEquals(result, None))
        {
            return next(context);
        }

        if (!result.IsCompletedSuccessfully)
        {
            return WaitAsync(context, next, result);
        }

        Set(context, result);
        return next(context);

        static async Task WaitAsync(HttpContext context, RequestDelegate next, Task<AuthenticateResult> result)
        {
            await result;
            Set(context, result);
            await next(context);
        }
    }

    private static void Set(HttpContext context, Task<AuthenticateResult> result)
    {
        context.Features.Set<IAuthenticateResultFeature>(new Found(result));
        if (result.Result.Principal is { } user)
        {
            context.User = user;
        }
    }

    private Task<AuthenticateResult> AuthenticateAsync(TokenHash tokenHash)
    {
        // At hand, most often, and then there is nothing to wait for.
        var session = sessions.FindAsync(tokenHash);
        return session.IsCompletedSuccessfully ? session.Result?.Authentication ?? Dead : WaitAsync(session);

        static async Task<AuthenticateResult> WaitAsync(ValueTask<CachedSession?> session)
        {
            try
            {
                return await ((await session)?.Authentication ?? Dead);
            }
            catch (Exception exception) when (StoreUnavailableException.IsCauseOf(exception))
            {
                // A call that needs no session is served all the same; one that does gets the 503 from the challenge.
                return AuthenticateResult.Fail(exception);
            }
        }
    }

    private sealed class Found(Task<AuthenticateResult> result) : IAuthenticateResultFeature
    {
        public Task<AuthenticateResult> Result => result;

        public AuthenticateResult? AuthenticateResult { get; set; } = result.Result;
    }
}
