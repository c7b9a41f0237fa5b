using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Identity;
using AuthApi.Security;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Accounts;

/// <summary>Your account: register, log in, see who you are, log out, reauthenticate.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Accounts")]
public sealed partial class AccountController(
    ApplicationSignInManager signInManager,
    ApplicationUserManager userManager,
    UserSessionManager sessions,
    ILogger<AccountController> logger) : ControllerBase
{
    private const string Scopes = "This must be current, others or all.";

    /// <summary>Log out here, on my other devices, or everywhere</summary>
    /// <remarks>
    /// Ends this session durably before it answers: from then on its token is rejected, in a cookie or a header, and so is every copy of it.
    /// The cookie is removed. There is no body; one that is sent is ignored. The user is always the session's own: a request cannot log out
    /// anybody else.
    /// </remarks>
    /// <param name="scope" example="current">
    /// The sessions to end: <c>current</c> (the default) is this one, <c>others</c> all of the user's but this one, <c>all</c> every one. The
    /// last two need a recent authentication.
    /// </param>
    /// <response code="200">The sessions have ended.</response>
    [HttpPost("/logout/", Name = "logout")]
    [Authorize]
    [AllowRecoverySession]
    [RemovesDeadCookie]
    [CountedAs(RateLimit.Logouts)]
    [ProducesResponseType<LogoutResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`reauthentication_required`: `others` and `all` need a recent authentication.")]
    public async Task<ActionResult<LogoutResponse>> Logout(
        [FromQuery, AllowedValues(null, "current", "others", "all", ErrorMessage = Scopes)] string? scope)
    {
        // An empty value binds as null.
        if (scope is null && Request.Query.ContainsKey("scope"))
        {
            return ProblemResult.Invalid("scope", Scopes);
        }

        // Read before the sign-out, after which the request has no session.
        var userId = User.GetUserId();
        if (scope is "others" or "all" && !await HttpContext.IsRecentlyAuthenticatedAsync())
        {
            return new ProblemResult(ApiProblem.ReauthenticationRequired);
        }

        int? ended = null;
        switch (scope)
        {
            case "others":
                var current = HttpContext.GetUserSession();
                var end = new SessionEnd(AuditEvent.SessionRevoked, ClientInfo.Of(HttpContext), current.Session.Id, "logout_others");
                ended = (await sessions.EndOthersAsync(current, end)).Count;
                break;
            case "all":
                var properties = SessionProperties.CreateForSignOutOfAll("logout_all");
                await HttpContext.SignOutAsync(signInManager.AuthenticationScheme, properties);
                ended = properties.GetEndedSessions().Count;
                break;
            default:
                await signInManager.SignOutAsync();
                break;
        }

        Log.LoggedOut(logger, userId);
        return new LogoutResponse(string.Create(CultureInfo.InvariantCulture, $"Logout successful. User id: {userId}"), ended);
    }

    /// <summary>Log in and start a session</summary>
    /// <remarks>
    /// Starts a session. Its token is in a cookie or, with <c>"transport": "header"</c>, in <c>sessionToken</c>, to be sent as
    /// <c>Authorization: Session TOKEN</c>. A live session that the request carries ends: a token never survives a change of identity. The
    /// answer to a wrong password, an unknown user and a locked account is the same. An account with an authenticator app needs <c>twoFactorCode</c> or
    /// <c>twoFactorRecoveryCode</c> too: without one, the answer to the right password is <c>two_factor_required</c>, and the client sends the login again with it.
    /// </remarks>
    /// <response code="200">Logged in. The token is in <c>Set-Cookie</c> or, for the header, in <c>sessionToken</c>.</response>
    [HttpPost("/login/", Name = "login")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<LoginResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status401Unauthorized, "`invalid_credentials`: the address or user name, the password, or the code is wrong, or the code was used already. `two_factor_required`: the password is right, and the account has an authenticator app. `ambiguous_session`: the request carries two session cookies with different values, and a third would not help.")]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`email_not_confirmed`: the password is right, and the address must be confirmed first (`Accounts:RequireConfirmedEmail`). `password_change_required`: the password is right, and another one must be set first, by `POST /password/forgot/` and `POST /password/reset/`.")]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, PasswordAnswers.UnavailableWithFactor)]
    public async Task<ActionResult<LoginResponse>> Login(LoginRequest request)
    {
        // The cookie that a login sets would be one more of them.
        if (request.Transport != SessionTransport.Header && HttpContext.HasAmbiguousSession())
        {
            return new ProblemResult(ApiProblem.AmbiguousSession);
        }

        var user = request.Email is not null
            ? await userManager.FindByEmailAsync(request.Email)
            : await userManager.FindByNameAsync(request.UserName!);
        var properties = SessionProperties.Create(request.Transport ?? SessionTransport.Cookie, request.RememberMe ?? false);
        var result = await signInManager.PasswordSignInAsync(user, request.Password, properties, new GivenFactor(request.TwoFactorCode, request.TwoFactorRecoveryCode));
        if (!result.Succeeded || properties.GetStartedSession() is not { } started)
        {
            // No session was started where the password was changed after it was checked.
            return new ProblemResult(
                result.RequiresTwoFactor ? ApiProblem.TwoFactorRequired
                : result.IsNotAllowed ? (user!.MustChangePassword ? ApiProblem.PasswordChangeRequired : ApiProblem.EmailNotConfirmed)
                : ApiProblem.InvalidCredentials);
        }

        Log.LoggedIn(logger, user!.Id);
        return new LoginResponse(UserResponse.From(user), started.Response, started.Token);
    }

    private static partial class Log
    {
        // Logins and logouts are in the activity, durably. An Information line as well took a seventh of a logout's CPU.
        [LoggerMessage(1, LogLevel.Debug, "User {UserId} logged in.")]
        public static partial void LoggedIn(ILogger logger, int userId);

        [LoggerMessage(2, LogLevel.Debug, "User {UserId} logged out.")]
        public static partial void LoggedOut(ILogger logger, int userId);
    }
}

/// <summary>The answer to a logout.</summary>
/// <param name="Message" example="Logout successful. User id: 42">Says whose session ended.</param>
/// <param name="EndedSessions" example="3">The number of sessions that ended, with <c>others</c> and <c>all</c> only.</param>
public sealed record LogoutResponse(
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? EndedSessions = null);
