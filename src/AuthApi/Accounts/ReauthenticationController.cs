using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Factors;
using AuthApi.Identity;
using AuthApi.Passwords;
using AuthApi.Security;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.ModelBinding.Validation;

namespace AuthApi.Accounts;

/// <summary>Reauthentication.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Accounts")]
public sealed class ReauthenticationController(
    ApplicationSignInManager signInManager,
    ApplicationUserManager userManager,
    IServiceProvider services,
    TimeProvider time) : ControllerBase
{
    /// <summary>Prove again who I am, for calls that need a recent authentication</summary>
    /// <remarks>
    /// Takes the password, or a code of the authenticator app, or both, or the answer of a passkey. The session keeps its id, counts as recently authenticated, and gets a new token; the old one
    /// is dead. Its <c>authenticationMethods</c> say what was given. Calls that need it answer 403 <c>reauthentication_required</c>. Wrong passwords and codes count as
    /// failed logins do.
    /// </remarks>
    /// <response code="200">The session as it is now. Its new token comes the way its first one came.</response>
    [HttpPost("/reauthenticate/", Name = "reauthenticate")]
    [Authorize]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<ReauthenticateResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`invalid_credentials`: the password, the code or the passkey is wrong, or was used already. The session goes on.")]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, PasswordAnswers.UnavailableWithFactor)]
    public async Task<ActionResult<ReauthenticateResponse>> Reauthenticate(ReauthenticateRequest request)
    {
        var session = HttpContext.GetUserSession().Session;
        if (request.Credential is { } credential)
        {
            // What is given beside it would be ignored, and a client that trusts in it would not learn that it is wrong.
            if (credential.ValueKind != JsonValueKind.Object || request.Password is not null || request.TwoFactorCode is not null)
            {
                return ProblemResult.Invalid("credential", "This must be the object that PublicKeyCredential.toJSON() returns, without password and twoFactorCode beside it.");
            }

            return await ReauthenticateWithPasskeyAsync(credential, session);
        }

        var user = await userManager.GetUserAsync(User);
        if (!await signInManager.ReauthenticateAsync(user, request.Password, session.Id, new GivenFactor(request.TwoFactorCode, RecoveryCode: null)))
        {
            // Not a 401: a client that gets one throws its token away, and the session is alive.
            return new ProblemResult(ApiProblem.InvalidCredentials with { Status = StatusCodes.Status403Forbidden });
        }

        IEnumerable<string?> proven =
        [
            request.Password is null ? null : AuthenticationMethod.Password,
            request.TwoFactorCode is null ? null : AuthenticationMethod.AuthenticatorCode,
        ];
        return await HttpContext.RenewUserSessionAsync(AuthenticationMethod.After(session.AuthenticationMethods, proven.OfType<string>())) is { } renewed
            ? new ReauthenticateResponse(renewed.Response, renewed.Token)
            : Challenge(); // ended while the password was being checked
    }

    private async Task<ActionResult<ReauthenticateResponse>> ReauthenticateWithPasskeyAsync(JsonElement credential, UserSession session)
    {
        var finished = await services.GetRequiredService<PasskeyCeremonies>().FinishAssertionAsync(
            credential, ceremony => ceremony.Purpose is PasskeyPurpose.Reauthentication or PasskeyPurpose.Login && ceremony.SessionId == session.Id);
        if (finished is not var (user, _) || user.Id != User.GetUserId())
        {
            var context = services.GetRequiredService<AuthDbContext>();
            context.AddAccountEvent(HttpContext, time, User.GetUserId(), AuditEvent.ReauthenticationFailed, session.Id, "passkey");
            await context.SaveChangesAsync();
            return new ProblemResult(ApiProblem.InvalidCredentials with { Status = StatusCodes.Status403Forbidden });
        }

        return await HttpContext.RenewUserSessionAsync(AuthenticationMethod.After(session.AuthenticationMethods, AuthenticationMethod.Passkey)) is { } renewed
            ? new ReauthenticateResponse(renewed.Response, renewed.Token)
            : Challenge();
    }
}

/// <summary>The body of <c>POST /reauthenticate/</c>.</summary>
public sealed record ReauthenticateRequest
{
    /// <summary>The account's password.</summary>
    /// <example>correct horse battery staple</example>
    [MaxCharacters(AccountPasswordOptions.MaxCharacters, ErrorMessage = "This must have at most 1024 characters."), AnyProof]
    public string? Password { get; init => field = value is "" ? null : value; }

    /// <summary>The six digits that the account's authenticator app shows.</summary>
    /// <example>null</example>
    [MaxCharacters(16, ErrorMessage = "This must have at most 16 characters.")]
    public string? TwoFactorCode { get; init => field = value is "" ? null : value; }

    /// <summary>What <c>PublicKeyCredential.toJSON()</c> returns, in the place of both: the answer to <c>POST /reauthenticate/options/</c>, or to <c>POST /login/passkey/options/</c> of this session.</summary>
    [ValidateNever]
    public JsonElement? Credential { get; init; }

    // MVC logs the arguments of an action, at Trace.
    public override string ToString() => nameof(ReauthenticateRequest);

    [AttributeUsage(AttributeTargets.Property)]
    private sealed class AnyProofAttribute : ValidationAttribute
    {
        protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
            validationContext.ObjectInstance is ReauthenticateRequest { Password: null, TwoFactorCode: null, Credential: null }
                ? new ValidationResult("Give password, twoFactorCode or credential.", [validationContext.MemberName!])
                : ValidationResult.Success;
    }
}

/// <summary>The answer to a renewal of the session.</summary>
/// <param name="Session">The session, as it is now.</param>
/// <param name="SessionToken" example="3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA">The new token, where the client sends it in the header.</param>
public sealed record ReauthenticateResponse(
    SessionResponse Session,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? SessionToken)
{
    public override string ToString() => nameof(ReauthenticateResponse);
}
