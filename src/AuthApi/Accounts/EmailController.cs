using System.ComponentModel.DataAnnotations;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Codes;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Security;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Accounts;

/// <summary>Confirming and changing the address of an account.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Accounts")]
public sealed partial class EmailController(
    ApplicationUserManager userManager,
    IServiceProvider services,
    TimeProvider time,
    ILogger<EmailController> logger) : ControllerBase
{
    // Internal types: the constructor is public.
    private AuthDbContext Context => services.GetRequiredService<AuthDbContext>();

    private OneTimeCodes Codes => services.GetRequiredService<OneTimeCodes>();

    private MailQueue Mail => services.GetRequiredService<MailQueue>();

    private MailTexts Texts => services.GetRequiredService<MailTexts>();

    /// <summary>Confirm my address with a mailed code</summary>
    /// <remarks>
    /// Takes the code that was mailed at the registration, or by <c>POST /email/confirm/resend/</c>, in any case, with or without spaces and hyphens. Five wrong
    /// codes void the code.
    /// </remarks>
    /// <response code="204">The address is confirmed.</response>
    [HttpPost("/email/confirm/", Name = "confirmEmail")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status400BadRequest, MailAnswers.InvalidCode)]
    public async Task<ActionResult> Confirm(ConfirmEmailRequest request)
    {
        if (!await Codes.CheckAsync(await userManager.FindCodeOwnerAsync(request.Email), CodePurpose.EmailConfirmation, request.Code)
            || await userManager.FindByEmailAsync(request.Email) is not { } user)
        {
            return new ProblemResult(ApiProblem.InvalidMailedCode);
        }

        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedAsync(user.Id) is null || !await Codes.UseAsync(user, CodePurpose.EmailConfirmation, request.Code))
        {
            return new ProblemResult(ApiProblem.InvalidMailedCode);
        }

        user.EmailConfirmed = true;
        Context.AddAccountEvent(HttpContext, time, user.Id, AccountEvent.EmailConfirmed);
        var result = await userManager.UpdateAsync(user);
        if (!result.Succeeded)
        {
            throw new InvalidOperationException($"The account was not saved: {result}");
        }

        await transaction.CommitAsync();
        Log.Confirmed(logger, user.Id);
        return NoContent();
    }

    /// <summary>Ask for another code to confirm my address</summary>
    /// <remarks>
    /// Mails a code for <c>POST /email/confirm/</c>, good for 60 minutes, where there is an account with this address that is not confirmed. The answer is the same,
    /// in words and time, where there is none. A code that was mailed in the last five minutes stays good, and no other is mailed.
    /// </remarks>
    /// <response code="202">If there is an account with this address that is not confirmed, a code is on its way.</response>
    [HttpPost("/email/confirm/resend/", Name = "resendEmailConfirmation")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<AcceptedResponse>(StatusCodes.Status202Accepted)]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, MailAnswers.Unavailable)]
    public async Task<ActionResult<AcceptedResponse>> Resend(ResendConfirmationRequest request)
    {
        if (!Mail.IsConfigured)
        {
            return new ProblemResult(ApiProblem.MailNotConfigured);
        }

        var now = time.GetUtcNow();
        Context.Add(new CodeRequest { Id = Guid.CreateVersion7(now), Purpose = CodePurpose.EmailConfirmation, Email = request.Email.Trim(), At = now });
        await Context.SaveChangesAsync();
        return Accepted(new AcceptedResponse("If there is an account with this address that is not confirmed, a code has been mailed to it."));
    }

    /// <summary>Ask for a code to change my address</summary>
    /// <remarks>
    /// Mails a code for <c>POST /email/change/confirm/</c> to the new address, good for 60 minutes, and a notice to the old one. Nothing is changed yet. The answer is
    /// the same where another account has the new address; its owner then gets a message without a code.
    /// </remarks>
    /// <response code="202">A message has been mailed to the new address, and one to the old.</response>
    [HttpPost("/email/change/", Name = "changeEmail")]
    [RequireRecentFactor]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<AcceptedResponse>(StatusCodes.Status202Accepted)]
    [ProducesProblem(StatusCodes.Status403Forbidden, RecentFactor.Answer)]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, MailAnswers.Unavailable)]
    public async Task<ActionResult<AcceptedResponse>> Change(ChangeEmailRequest request)
    {
        if (!Mail.IsConfigured)
        {
            return new ProblemResult(ApiProblem.MailNotConfigured);
        }

        var newEmail = request.NewEmail.Trim();
        var other = await userManager.FindByEmailAsync(newEmail);
        if (other?.Id == User.GetUserId())
        {
            return ProblemResult.Invalid("newEmail", "This is the account's address already.");
        }

        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is not { } user)
        {
            return Challenge(); // the session has ended meanwhile
        }

        var data = userManager.NormalizeEmail(newEmail);
        if (await Codes.IssueAsync(user, CodePurpose.EmailChange, data) is { } code)
        {
            Mail.Add(newEmail, other is not null ? Texts.EmailTaken(newEmail) : Texts.EmailChange(newEmail, code), user.Id, OneTimeCodes.Lifetime);
            Mail.Add(user.Email!, Texts.EmailChangeRequested(user.Email!, newEmail), user.Id);
            await Context.SaveChangesAsync();
        }
        else if (!await Codes.IsForAsync(user, CodePurpose.EmailChange, data))
        {
            return new ProblemResult(ApiProblem.TooManyRequests with
            {
                Title = "Messages have been mailed to two new addresses within five minutes. Try again in 5 minutes.",
                RetryAfter = (int)OneTimeCodes.Quiet.TotalSeconds,
            });
        }

        await transaction.CommitAsync();
        return Accepted(new AcceptedResponse("A message has been mailed to the new address, and one to the old."));
    }

    /// <summary>Change my address with a mailed code</summary>
    /// <remarks>
    /// Takes the new address and the code that <c>POST /email/change/</c> mailed to it. The user's other sessions end; this one goes on with its token. The owner is
    /// notified at the old address.
    /// </remarks>
    /// <response code="204">The address is changed, and confirmed. The other sessions have ended.</response>
    [HttpPost("/email/change/confirm/", Name = "confirmEmailChange")]
    [Authorize]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status400BadRequest, MailAnswers.InvalidCode)]
    [ProducesProblem(StatusCodes.Status409Conflict, "`email_taken`: another account has taken this address meanwhile.")]
    public async Task<ActionResult> ConfirmChange(ConfirmEmailChangeRequest request)
    {
        var newEmail = request.NewEmail.Trim();
        var data = userManager.NormalizeEmail(newEmail);
        if (await userManager.GetUserAsync(User) is not { } user)
        {
            return Challenge(); // deleted meanwhile
        }

        if (!await Codes.CheckAsync(user, CodePurpose.EmailChange, request.Code, data))
        {
            return new ProblemResult(ApiProblem.InvalidMailedCode);
        }

        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (await userManager.FindLockedCallerAsync() is null)
        {
            return Challenge(); // the session has ended meanwhile
        }

        if (!await Codes.UseAsync(user, CodePurpose.EmailChange, request.Code, data))
        {
            return new ProblemResult(ApiProblem.InvalidMailedCode);
        }

        var oldEmail = user.Email!;
        user.UserName = user.UserName == oldEmail ? newEmail : user.UserName;
        (user.Email, user.EmailConfirmed) = (newEmail, true);
        Context.AddAccountEvent(HttpContext, time, user.Id, AccountEvent.EmailChanged, HttpContext.GetUserSession().Session.Id);
        await Mail.DetachAsync(user.Id, oldEmail);
        Mail.Add(oldEmail, Texts.EmailChanged(oldEmail, newEmail), userId: null);
        HttpContext.KeepUserSession();
        var result = await userManager.UpdateSecurityStampAsync(user);
        if (!result.Succeeded)
        {
            return result.Errors.Any(error => error.Code is nameof(IdentityErrorDescriber.DuplicateEmail) or nameof(IdentityErrorDescriber.DuplicateUserName))
                ? new ProblemResult(ApiProblem.EmailTaken)
                : throw new InvalidOperationException($"The account was not saved: {result}");
        }

        await transaction.CommitAsync();
        Log.Changed(logger, user.Id);
        return NoContent();
    }

    private static partial class Log
    {
        [LoggerMessage(2, LogLevel.Information, "User {UserId} changed the address; the other sessions have ended.")]
        public static partial void Changed(ILogger logger, int userId);

        [LoggerMessage(1, LogLevel.Information, "User {UserId} confirmed the address.")]
        public static partial void Confirmed(ILogger logger, int userId);
    }
}

/// <summary>The body of <c>POST /email/confirm/</c>.</summary>
public sealed record ConfirmEmailRequest
{
    /// <summary>The account's address.</summary>
    /// <example>ada@example.com</example>
    [Required(ErrorMessage = "This is required."), EmailAddressFormat]
    public string Email { get; init; } = "";

    /// <summary>The code from the message: 12 letters and digits. Case, spaces and hyphens do not count.</summary>
    /// <example>7K3M-9QXW-2DTA</example>
    [Required(ErrorMessage = "This is required."), MaxCharacters(64, ErrorMessage = "This must have at most 64 characters.")]
    public string Code { get; init; } = "";

    // MVC logs the arguments of an action, at Trace.
    public override string ToString() => nameof(ConfirmEmailRequest);
}

/// <summary>The body of <c>POST /email/confirm/resend/</c>.</summary>
public sealed record ResendConfirmationRequest
{
    /// <summary>The account's address.</summary>
    /// <example>ada@example.com</example>
    [Required(ErrorMessage = "This is required."), EmailAddressFormat]
    public string Email { get; init; } = "";

    public override string ToString() => nameof(ResendConfirmationRequest);
}

/// <summary>The body of <c>POST /email/change/</c>.</summary>
public sealed record ChangeEmailRequest
{
    /// <summary>The new address of the account.</summary>
    /// <example>ada@lovelace.example</example>
    [Required(ErrorMessage = "This is required."), EmailAddressFormat]
    public string NewEmail { get; init; } = "";

    public override string ToString() => nameof(ChangeEmailRequest);
}

/// <summary>The body of <c>POST /email/change/confirm/</c>.</summary>
public sealed record ConfirmEmailChangeRequest
{
    /// <summary>The new address of the account.</summary>
    /// <example>ada@lovelace.example</example>
    [Required(ErrorMessage = "This is required."), EmailAddressFormat]
    public string NewEmail { get; init; } = "";

    /// <summary>The code from the message: 12 letters and digits. Case, spaces and hyphens do not count.</summary>
    /// <example>7K3M-9QXW-2DTA</example>
    [Required(ErrorMessage = "This is required."), MaxCharacters(64, ErrorMessage = "This must have at most 64 characters.")]
    public string Code { get; init; } = "";

    public override string ToString() => nameof(ConfirmEmailChangeRequest);
}
