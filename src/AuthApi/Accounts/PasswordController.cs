using System.ComponentModel.DataAnnotations;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Codes;
using AuthApi.Factors;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Passwords;
using AuthApi.Security;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Accounts;

/// <summary>Changing a password, and setting a new one where it was forgotten.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Accounts")]
public sealed partial class PasswordController(
    ApplicationSignInManager signInManager,
    ApplicationUserManager userManager,
    IServiceProvider services,
    TimeProvider time,
    ILogger<PasswordController> logger) : ControllerBase
{
    // Internal types: the constructor is public.
    private AuthDbContext Context => services.GetRequiredService<AuthDbContext>();

    private OneTimeCodes Codes => services.GetRequiredService<OneTimeCodes>();

    private MailQueue Mail => services.GetRequiredService<MailQueue>();

    /// <summary>Change my password</summary>
    /// <remarks>
    /// Takes the current password, and a new one by the rules of registration. The user's other sessions end. This one keeps its id, counts as recently
    /// authenticated, and gets a new token; the old one is dead. The owner is notified by mail. A wrong password counts as a failed login does.
    /// </remarks>
    /// <response code="200">The session as it is now. Its new token comes the way its first one came.</response>
    [HttpPost("/password/change/", Name = "changePassword")]
    [Authorize]
    [AllowRecoverySession]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<ReauthenticateResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`invalid_credentials`: the current password is wrong. The session goes on.")]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, PasswordAnswers.Unavailable)]
    public async Task<ActionResult<ReauthenticateResponse>> Change(ChangePasswordRequest request)
    {
        var session = HttpContext.GetUserSession();
        var user = await userManager.GetUserAsync(User);
        var isRecovery = HttpContext.IsRecoverySession();
        if (user is null || (!isRecovery && !await signInManager.ReauthenticateAsync(user, request.CurrentPassword ?? "", session.Session.Id)))
        {
            return new ProblemResult(ApiProblem.InvalidCredentials with { Status = StatusCodes.Status403Forbidden });
        }

        var (oldHash, oldStamp) = (user.PasswordHash, user.SecurityStamp);
        if (await HashAsync(user, request.NewPassword) is { } refused)
        {
            return refused;
        }

        var newHash = user.PasswordHash;
        await using (var transaction = await Context.Database.BeginTransactionAsync())
        {
            // A new hash of the same password leaves the stamp, and a change of something else the hash.
            if (await userManager.FindLockedCallerAsync() is null
                || (user.PasswordHash != oldHash && user.SecurityStamp != oldStamp)
                || ApplicationUserManager.IsDisabled(user))
            {
                return Challenge(); // this session has ended meanwhile, or its token, as by another call that set a password
            }

            (user.PasswordHash, user.MustChangePassword) = (newHash, false);
            Record(user, AccountEvent.PasswordChanged, session.Session.Id, session.ToResponse().Device);
            HttpContext.KeepUserSession();
            await userManager.SaveWithNewStampAsync(user);
            await transaction.CommitAsync();
        }

        Log.Changed(logger, user.Id);
        return await HttpContext.RenewUserSessionAsync(
            isRecovery ? null : AuthenticationMethod.After(session.Session.AuthenticationMethods, AuthenticationMethod.Password)) is { } renewed
            ? new ReauthenticateResponse(renewed.Response, renewed.Token)
            : Challenge();
    }

    /// <summary>Ask for a code to set a new password</summary>
    /// <remarks>
    /// Mails a code that sets a new password, to be given to <c>POST /password/reset/</c> within 60 minutes. The answer is the same, in words and time, whether
    /// or not there is such an account. A code that was mailed in the last five minutes stays good, and no other is mailed.
    /// </remarks>
    /// <response code="202">If there is an account with this address, a code is on its way.</response>
    [HttpPost("/password/forgot/", Name = "forgotPassword")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<AcceptedResponse>(StatusCodes.Status202Accepted)]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, MailAnswers.Unavailable)]
    public async Task<ActionResult<AcceptedResponse>> Forgot(ForgotPasswordRequest request)
    {
        if (!Mail.IsConfigured)
        {
            return new ProblemResult(ApiProblem.MailNotConfigured);
        }

        var now = time.GetUtcNow();
        Context.Add(new CodeRequest { Id = Guid.CreateVersion7(now), Purpose = CodePurpose.PasswordReset, Email = request.Email.Trim(), At = now });
        await Context.SaveChangesAsync();
        return Accepted(new AcceptedResponse("If there is an account with this address, a code has been mailed to it."));
    }

    /// <summary>Set a new password with a mailed code</summary>
    /// <remarks>
    /// Takes the code that <c>POST /password/forgot/</c> mailed, in any case, with or without spaces and hyphens. All sessions of the user end, a lock after wrong
    /// passwords is lifted, and the address counts as confirmed. The owner is notified by mail. Five wrong codes void the code.
    /// </remarks>
    /// <response code="204">The password is set. All sessions of the user have ended.</response>
    [HttpPost("/password/reset/", Name = "resetPassword")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status400BadRequest, MailAnswers.InvalidCode)]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, PasswordAnswers.Unavailable)]
    public async Task<ActionResult> Reset(ResetPasswordRequest request)
    {
        if (!await Codes.CheckAsync(await userManager.FindCodeOwnerAsync(request.Email), CodePurpose.PasswordReset, request.Code)
            || await userManager.FindByEmailAsync(request.Email) is not { } user
            || ApplicationUserManager.IsDisabled(user))
        {
            return new ProblemResult(ApiProblem.InvalidMailedCode);
        }

        if (await HashAsync(user, request.NewPassword) is { } refused)
        {
            return refused;
        }

        var newHash = user.PasswordHash;
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedAsync(user.Id) is null || !await Codes.UseAsync(user, CodePurpose.PasswordReset, request.Code))
        {
            return new ProblemResult(ApiProblem.InvalidMailedCode);
        }

        if (!user.EmailConfirmed)
        {
            await userManager.TakeOverAsync(user);
        }

        (user.PasswordHash, user.MustChangePassword) = (newHash, false);
        (user.AccessFailedCount, user.LockoutEnd, user.EmailConfirmed) = (0, null, true);
        Record(user, AccountEvent.PasswordReset, sessionId: null, device: null, await services.GetRequiredService<Credentials>().ListAsync(user));
        await userManager.SaveWithNewStampAsync(user);
        await transaction.CommitAsync();
        Log.Reset(logger, user.Id);
        return NoContent();
    }

    private async Task<ProblemResult?> HashAsync(ApplicationUser user, string password)
    {
        var result = await userManager.HashNewPasswordAsync(user, password);
        return result.Succeeded ? null : ProblemResult.Invalid("newPassword", [.. result.Errors.Select(error => error.Description)]);
    }

    // Saved with the new password.
    private void Record(ApplicationUser user, string what, Guid? sessionId, string? device, IReadOnlyList<string>? credentials = null)
    {
        var (now, client) = (time.GetUtcNow(), ClientInfo.Of(HttpContext));
        Context.AddAccountEvent(HttpContext, time, user.Id, what, sessionId);
        var texts = services.GetRequiredService<MailTexts>();
        var content = credentials is null
            ? texts.PasswordChanged(user.Email!, now, client.IpAddress, device)
            : texts.PasswordReset(user.Email!, credentials, now, client.IpAddress);
        Mail.Add(user.Email!, content, user.Id);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "User {UserId} changed the password; the other sessions have ended.")]
        public static partial void Changed(ILogger logger, int userId);

        [LoggerMessage(2, LogLevel.Information, "User {UserId} set a new password with a mailed code; all sessions have ended.")]
        public static partial void Reset(ILogger logger, int userId);
    }
}

/// <summary>The answer to a call that does its work later.</summary>
/// <param name="Message" example="If there is an account with this address, a code has been mailed to it.">What will happen.</param>
public sealed record AcceptedResponse(string Message);

/// <summary>The body of <c>POST /password/change/</c>.</summary>
public sealed record ChangePasswordRequest
{
    /// <summary>The account's password. A session of <c>POST /recovery/</c> needs none.</summary>
    /// <example>correct horse battery staple</example>
    [RequiredOutsideRecovery]
    [MaxCharacters(AccountPasswordOptions.MaxCharacters, ErrorMessage = "This must have at most 1024 characters.")]
    public string? CurrentPassword { get; init; }

    /// <summary>15 to 1,024 characters of any kind, and not a common or guessable password.</summary>
    /// <example>staple battery horse correct</example>
    [Required(AllowEmptyStrings = true, ErrorMessage = "This is required."), MinLength(1, ErrorMessage = "This is required.")]
    [MaxCharacters(AccountPasswordOptions.MaxCharacters, ErrorMessage = "This must have at most 1024 characters.")]
    public string NewPassword { get; init; } = "";

    // MVC logs the arguments of an action, at Trace.
    public override string ToString() => nameof(ChangePasswordRequest);

    [AttributeUsage(AttributeTargets.Property)]
    private sealed class RequiredOutsideRecoveryAttribute : ValidationAttribute
    {
        protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
            value is string { Length: > 0 } || validationContext.GetRequiredService<IHttpContextAccessor>().HttpContext!.IsRecoverySession()
                ? ValidationResult.Success
                : new ValidationResult("This is required.", [validationContext.MemberName!]);
    }
}

/// <summary>The body of <c>POST /password/forgot/</c>.</summary>
public sealed record ForgotPasswordRequest
{
    /// <summary>The account's address.</summary>
    /// <example>ada@example.com</example>
    [Required(ErrorMessage = "This is required."), EmailAddressFormat]
    public string Email { get; init; } = "";

    public override string ToString() => nameof(ForgotPasswordRequest);
}

/// <summary>The body of <c>POST /password/reset/</c>.</summary>
public sealed record ResetPasswordRequest
{
    /// <summary>The account's address.</summary>
    /// <example>ada@example.com</example>
    [Required(ErrorMessage = "This is required."), EmailAddressFormat]
    public string Email { get; init; } = "";

    /// <summary>The code from the message: 12 letters and digits. Case, spaces and hyphens do not count.</summary>
    /// <example>7K3M-9QXW-2DTA</example>
    [Required(ErrorMessage = "This is required."), MaxCharacters(64, ErrorMessage = "This must have at most 64 characters.")]
    public string Code { get; init; } = "";

    /// <summary>15 to 1,024 characters of any kind, and not a common or guessable password.</summary>
    /// <example>staple battery horse correct</example>
    [Required(AllowEmptyStrings = true, ErrorMessage = "This is required."), MinLength(1, ErrorMessage = "This is required.")]
    [MaxCharacters(AccountPasswordOptions.MaxCharacters, ErrorMessage = "This must have at most 1024 characters.")]
    public string NewPassword { get; init; } = "";

    public override string ToString() => nameof(ResetPasswordRequest);
}
