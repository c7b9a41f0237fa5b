using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using System.Text.Json;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Factors;
using AuthApi.Identity;
using AuthApi.Security;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ModelBinding.Validation;

namespace AuthApi.Passkeys;

/// <summary>Logging in with a passkey.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Passkeys")]
public sealed partial class PasskeyLoginController(
    ApplicationSignInManager signInManager, ApplicationUserManager userManager, IServiceProvider services, TimeProvider time, ILogger<PasskeyLoginController> logger) : ControllerBase
{
    // Internal types: the constructor is public.
    private PasskeyCeremonies Ceremonies => services.GetRequiredService<PasskeyCeremonies>();

    /// <summary>Begin to log in with a passkey</summary>
    /// <remarks>
    /// Names no account: the client offers the passkeys that it has. With a live session, the answer to these options also reauthenticates that session.
    /// </remarks>
    /// <response code="200">The options, for <c>PublicKeyCredential.parseRequestOptionsFromJSON</c> and <c>navigator.credentials.get</c>. They are good for five minutes, once.</response>
    [HttpPost("/login/passkey/options/", Name = "passkeyLoginOptions")]
    [AllowAnonymous]
    [ProducesResponseType<object>(StatusCodes.Status200OK)]
    public async Task<ActionResult> Begin() => Ok(
        await Ceremonies.BeginAssertionAsync(PasskeyPurpose.Login, user: null, HttpContext.FindUserSession()?.Session)
        ?? await Ceremonies.BeginAssertionAsync(PasskeyPurpose.Login, user: null, by: null)); // the session's account was deleted meanwhile

    /// <summary>Begin to reauthenticate with a passkey</summary>
    /// <remarks>As <c>POST /login/passkey/options/</c>, but for the passkeys of this account, and for nothing but <c>POST /reauthenticate/</c> in this session.</remarks>
    /// <response code="200">The options, for <c>PublicKeyCredential.parseRequestOptionsFromJSON</c> and <c>navigator.credentials.get</c>. They are good for five minutes, once.</response>
    [HttpPost("/reauthenticate/options/", Name = "reauthenticateOptions")]
    [Authorize]
    [ProducesResponseType<object>(StatusCodes.Status200OK)]
    public async Task<ActionResult> BeginReauthentication() => await userManager.GetUserAsync(User) is { } user
        && await Ceremonies.BeginAssertionAsync(PasskeyPurpose.Reauthentication, user, HttpContext.GetUserSession().Session) is { } options
            ? Ok(options)
            : Challenge(); // deleted meanwhile

    /// <summary>Log in with a passkey</summary>
    /// <remarks>
    /// Takes the answer of the authenticator, as <c>PublicKeyCredential.toJSON()</c> returns it, and answers as <c>POST /login/</c> does. A passkey needs no code of an
    /// authenticator app beside it. Wrong passwords do not lock it.
    /// </remarks>
    /// <response code="200">Logged in. The token is in <c>Set-Cookie</c> or, for the header, in <c>sessionToken</c>.</response>
    [HttpPost("/login/passkey/", Name = "passkeyLogin")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<LoginResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status401Unauthorized, "`invalid_credentials`: no passkey of an account gave this answer, or not to these options, or it has expired or was used already. `two_factor_required`: the authenticator did not verify the person (`Passkeys:UserVerification`), and the account has an authenticator app: log in with password and code. `ambiguous_session`: the request carries two session cookies with different values, and a third would not help.")]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`email_not_confirmed`: the passkey is right, and the address must be confirmed first (`Accounts:RequireConfirmedEmail`). `password_change_required`: another password must be set first, by `POST /password/forgot/` and `POST /password/reset/`.")]
    public async Task<ActionResult<LoginResponse>> LogIn(PasskeyLoginRequest request)
    {
        if (request.Credential is not { ValueKind: JsonValueKind.Object } credential)
        {
            return ProblemResult.Invalid("credential", "This must be the object that PublicKeyCredential.toJSON() returns.");
        }

        if (request.Transport != SessionTransport.Header && HttpContext.HasAmbiguousSession())
        {
            return new ProblemResult(ApiProblem.AmbiguousSession);
        }

        if (await Ceremonies.FinishAssertionAsync(credential, ceremony => ceremony.Purpose == PasskeyPurpose.Login) is not var (user, isVerified)
            || ApplicationUserManager.IsDisabled(user))
        {
            var context = services.GetRequiredService<AuthDbContext>();
            context.AddAccountEvent(HttpContext, time, userId: null, AuditEvent.SignInFailed, reason: "passkey");
            await context.SaveChangesAsync();
            return new ProblemResult(ApiProblem.InvalidCredentials);
        }

        if (!await signInManager.CanSignInAsync(user))
        {
            return new ProblemResult(user.MustChangePassword ? ApiProblem.PasswordChangeRequired : ApiProblem.EmailNotConfirmed);
        }

        if (user.TwoFactorEnabled && !isVerified)
        {
            return new ProblemResult(ApiProblem.TwoFactorRequired);
        }

        var properties = SessionProperties.Create(request.Transport ?? SessionTransport.Cookie, request.RememberMe ?? false);
        await signInManager.SignInWithClaimsAsync(user, properties, [new Claim(AuthenticationMethod.ClaimType, AuthenticationMethod.Passkey)]);
        if (properties.GetStartedSession() is not { } started)
        {
            return new ProblemResult(ApiProblem.InvalidCredentials); // the account was changed meanwhile
        }

        Log.LoggedIn(logger, user.Id);
        return new LoginResponse(UserResponse.From(user), started.Response, started.Token);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "User {UserId} logged in with a passkey.")]
        public static partial void LoggedIn(ILogger logger, int userId);
    }
}

/// <summary>The body of <c>POST /login/passkey/</c>.</summary>
public sealed record PasskeyLoginRequest
{
    /// <summary>What <c>PublicKeyCredential.toJSON()</c> returns.</summary>
    [ValidateNever, Required(ErrorMessage = "This is required.")]
    public JsonElement? Credential { get; init; }

    /// <summary>Whether the session outlives the browser and has the longer limits.</summary>
    /// <example>false</example>
    public bool? RememberMe { get; init; }

    /// <summary>How the client sends the token: in a <c>cookie</c>, or in a <c>header</c> where it has no cookie jar.</summary>
    /// <example>cookie</example>
    public SessionTransport? Transport { get; init; } = SessionTransport.Cookie;

    // MVC logs the arguments of an action, at Trace.
    public override string ToString() => nameof(PasskeyLoginRequest);
}
