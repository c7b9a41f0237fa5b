using System.ComponentModel.DataAnnotations;
using System.Globalization;
using AuthApi.Api;
using AuthApi.Codes;
using AuthApi.Mail;
using AuthApi.Security;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Accounts;

/// <summary>Confirming the address of an account.</summary>
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
        var user = await userManager.FindByEmailAsync(request.Email);
        if (!await Codes.CheckAsync(user ?? ApplicationUserManager.Nobody, CodePurpose.EmailConfirmation, request.Code) || user is null)
        {
            return new ProblemResult(ApiProblem.InvalidCode);
        }

        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (!await Codes.UseAsync(user, CodePurpose.EmailConfirmation, request.Code))
        {
            return new ProblemResult(ApiProblem.InvalidCode);
        }

        user.EmailConfirmed = true;
        var client = ClientInfo.Of(HttpContext);
        Context.AddAuditEntry(new AuditEntry
        {
            At = time.GetUtcNow(),
            Event = AccountEvent.EmailConfirmed,
            UserId = user.Id.ToString(CultureInfo.InvariantCulture),
            SessionId = null,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        });
        if (!(await userManager.UpdateAsync(user)).Succeeded)
        {
            return new ProblemResult(ApiProblem.InvalidCode); // another change of the account, or its end, has overtaken it
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
        if (!services.GetRequiredService<MailQueue>().IsConfigured)
        {
            return new ProblemResult(ApiProblem.MailNotConfigured);
        }

        var now = time.GetUtcNow();
        Context.Add(new CodeRequest { Id = Guid.CreateVersion7(now), Purpose = CodePurpose.EmailConfirmation, Email = request.Email.Trim(), At = now });
        await Context.SaveChangesAsync(HttpContext.RequestAborted);
        return Accepted(new AcceptedResponse("If there is an account with this address that is not confirmed, a code has been mailed to it."));
    }

    private static partial class Log
    {
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
