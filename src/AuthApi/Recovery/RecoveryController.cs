using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Codes;
using AuthApi.Factors;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Security;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Recovery;

/// <summary>Getting into an account without its password and passkey.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Passkeys")]
public sealed partial class RecoveryController(
    ApplicationSignInManager signInManager, ApplicationUserManager userManager, IServiceProvider services, TimeProvider time, ILogger<RecoveryController> logger) : ControllerBase
{
    // The reason in the event.
    private const string WrongRecoveryCode = "recovery_code";

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    // Internal types: the constructor is public.
    private AuthDbContext Context => services.GetRequiredService<AuthDbContext>();

    private OneTimeCodes Codes => services.GetRequiredService<OneTimeCodes>();

    /// <summary>Recover my account with a mailed code and a recovery code</summary>
    /// <remarks>
    /// Takes the code that <c>POST /password/forgot/</c> mailed, and a recovery code. Starts a session of ten minutes that may only add a passkey, set a password
    /// (<c>POST /password/change/</c> without <c>currentPassword</c>), see the account and its passkeys, and log out. All other sessions end. The owner is notified by mail.
    /// </remarks>
    /// <response code="200">The session has begun. The token is in <c>Set-Cookie</c> or, for the header, in <c>sessionToken</c>.</response>
    [HttpPost("/recovery/", Name = "recover")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<LoginResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status400BadRequest, "`invalid_code`: one of the two codes is wrong, expired, used, or of another account. `validation_failed`: a field is not valid (see `errors`). `malformed_json`: the body is not a JSON object.")]
    [ProducesProblem(StatusCodes.Status401Unauthorized, "`ambiguous_session`: the request carries two session cookies with different values, and a third would not help.")]
    public async Task<ActionResult<LoginResponse>> Recover(RecoveryRequest request)
    {
        if (request.Transport != SessionTransport.Header && HttpContext.HasAmbiguousSession())
        {
            return new ProblemResult(ApiProblem.AmbiguousSession);
        }

        if (!await Codes.CheckAsync(await userManager.FindCodeOwnerAsync(request.Email), CodePurpose.PasswordReset, request.Code)
            || await userManager.FindByEmailAsync(request.Email) is not { } user
            || ApplicationUserManager.IsDisabled(user))
        {
            return new ProblemResult(ApiProblem.InvalidCodePair);
        }

        // A code that is wrong takes the other one back.
        await using (var transaction = await Context.Database.BeginTransactionAsync())
        {
            if (await userManager.FindLockedAsync(user.Id) is null)
            {
                return new ProblemResult(ApiProblem.InvalidCodePair);
            }

            // Looked at first: it is counted where the mailed code is, which is good for five tries of either.
            if (!await services.GetRequiredService<RecoveryCodes>().TakeAsync(user, request.RecoveryCode))
            {
                await Codes.RefuseAsync(user, CodePurpose.PasswordReset, WrongRecoveryCode);
                await Context.SaveChangesAsync();
                await transaction.CommitAsync();
                return new ProblemResult(ApiProblem.InvalidCodePair);
            }

            if (!await Codes.UseAsync(user, CodePurpose.PasswordReset, request.Code))
            {
                return new ProblemResult(ApiProblem.InvalidCodePair);
            }

            (user.AccessFailedCount, user.LockoutEnd, user.EmailConfirmed) = (0, null, true);
            Context.AddAccountEvent(HttpContext, time, user.Id, AccountEvent.AccountRecovered);
            var client = ClientInfo.Of(HttpContext);
            services.GetRequiredService<MailQueue>().Add(
                user.Email!,
                services.GetRequiredService<MailTexts>().AccountRecovered(
                    user.Email!, await services.GetRequiredService<Credentials>().ListAsync(user), time.GetUtcNow(), client.IpAddress, device: null),
                user.Id);
            await userManager.SaveWithNewStampAsync(user);
            await transaction.CommitAsync();
        }

        var properties = SessionProperties.Create(request.Transport ?? SessionTransport.Cookie, rememberMe: false);
        properties.ExpiresUtc = time.GetUtcNow() + Lifetime;
        await signInManager.SignInWithClaimsAsync(user, properties, [new Claim(AuthenticationMethod.ClaimType, AuthenticationMethod.RecoveryCode)]);
        if (properties.GetStartedSession() is not { } started)
        {
            return new ProblemResult(ApiProblem.InvalidCodePair); // the account was changed meanwhile
        }

        Log.Recovered(logger, user.Id);
        return new LoginResponse(UserResponse.From(user), started.Response, started.Token);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "User {UserId} recovered the account with a mailed code and a recovery code; all other sessions have ended.")]
        public static partial void Recovered(ILogger logger, int userId);
    }
}

/// <summary>The body of <c>POST /recovery/</c>.</summary>
public sealed record RecoveryRequest
{
    /// <summary>The account's address.</summary>
    /// <example>ada@example.com</example>
    [Required(ErrorMessage = "This is required."), EmailAddressFormat]
    public string Email { get; init; } = "";

    /// <summary>The code from the message: 12 letters and digits. Case, spaces and hyphens do not count.</summary>
    /// <example>7K3M-9QXW-2DTA</example>
    [Required(ErrorMessage = "This is required."), MaxCharacters(64, ErrorMessage = "This must have at most 64 characters.")]
    public string Code { get; init; } = "";

    /// <summary>A recovery code: 24 letters and digits. It is used up.</summary>
    /// <example>4F8H-0YBC-6RVN-7K3M-9QXW-2DTA</example>
    [Required(ErrorMessage = "This is required."), MaxCharacters(64, ErrorMessage = "This must have at most 64 characters.")]
    public string RecoveryCode { get; init; } = "";

    /// <summary>How the client sends the token: in a <c>cookie</c>, or in a <c>header</c> where it has no cookie jar.</summary>
    /// <example>cookie</example>
    public SessionTransport? Transport { get; init; } = SessionTransport.Cookie;

    // MVC logs the arguments of an action, at Trace.
    public override string ToString() => nameof(RecoveryRequest);
}
