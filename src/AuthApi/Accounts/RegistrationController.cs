using System.ComponentModel.DataAnnotations;
using AuthApi.Api;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Passwords;
using AuthApi.Security;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace AuthApi.Accounts;

/// <summary>Registration.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Accounts")]
public sealed partial class RegistrationController(
    ApplicationUserManager userManager,
    IOptions<AccountOptions> options,
    IServiceProvider services,
    TimeProvider time,
    ILogger<RegistrationController> logger) : ControllerBase
{
    /// <summary>Create an account</summary>
    /// <remarks>
    /// Does not log in. A password has 15 to 1,024 characters of any kind. There are no rules of composition, but one that is easy to guess is
    /// rejected, with the reason. Where addresses must be confirmed (<c>Accounts:RequireConfirmedEmail</c>), the answer is always 202, whether or not there is an
    /// account with this address: a message to the address says how to go on.
    /// </remarks>
    /// <response code="201">The account has been created.</response>
    /// <response code="202">A message has been mailed to the address.</response>
    [HttpPost("/register/", Name = "register")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Registrations)]
    [ProducesResponseType<UserResponse>(StatusCodes.Status201Created)]
    [ProducesResponseType<AcceptedResponse>(StatusCodes.Status202Accepted)]
    [ProducesProblem(StatusCodes.Status409Conflict, "`email_taken`: an account with this address is there already, where addresses need not be confirmed. `user_name_taken`: another account has this user name.")]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, "`server_busy`: too many passwords are waiting to be hashed. `mail_not_configured`: addresses must be confirmed, and the server has no mail set up. `store_unavailable`: the store is out of reach. Try again after `Retry-After` seconds.")]
    public async Task<ActionResult<UserResponse>> Register(RegisterRequest request)
    {
        var email = request.Email.Trim();
        var user = new ApplicationUser
        {
            Email = email,
            UserName = request.UserName ?? email,
            CreatedAt = time.GetUtcNow(),
        };

        if (options.Value.RequireConfirmedEmail)
        {
            return await RegisterUnconfirmedAsync(user, request);
        }

        var result = await userManager.CreateAsync(user, request.Password);
        if (!result.Succeeded)
        {
            return Refuse([.. result.Errors]);
        }

        Log.Registered(logger, user.Id);
        return StatusCode(StatusCodes.Status201Created, UserResponse.From(user));
    }

    // What the account needs is stored, and looked at after the answer: the same is done for an address that is known.
    private async Task<ActionResult<UserResponse>> RegisterUnconfirmedAsync(ApplicationUser user, RegisterRequest request)
    {
        if (!services.GetRequiredService<MailQueue>().IsConfigured)
        {
            return new ProblemResult(ApiProblem.MailNotConfigured);
        }

        if (request.UserName is not null && await userManager.FindByNameAsync(request.UserName) is not null)
        {
            return new ProblemResult(ApiProblem.UserNameTaken);
        }

        var result = await userManager.HashNewPasswordAsync(user, request.Password);
        if (!result.Succeeded)
        {
            return Refuse([.. result.Errors]);
        }

        var context = services.GetRequiredService<AuthDbContext>();
        context.Add(new CodeRequest
        {
            Id = Guid.CreateVersion7(user.CreatedAt),
            Purpose = CodeRequest.Registration,
            Email = user.Email!,
            UserName = request.UserName,
            PasswordHash = user.PasswordHash,
            At = user.CreatedAt,
        });
        await context.SaveChangesAsync();
        return Accepted(new AcceptedResponse("A message has been mailed to this address. It says how to go on."));
    }

    // A user name that was left out is the address, and is then taken as well.
    private static ProblemResult Refuse(IReadOnlyList<IdentityError> errors) =>
        errors.Any(error => error.Code == nameof(IdentityErrorDescriber.DuplicateEmail)) ? new ProblemResult(ApiProblem.EmailTaken)
        : errors.Any(error => error.Code == nameof(IdentityErrorDescriber.DuplicateUserName)) ? new ProblemResult(ApiProblem.UserNameTaken)
        : new ProblemResult(ApiProblem.ValidationFailed, errors
            .GroupBy(error => FieldOf(error.Code))
            .ToDictionary(field => field.Key, field => field.Select(error => error.Description).ToArray()));

    private static string FieldOf(string identityErrorCode) => identityErrorCode switch
    {
        _ when identityErrorCode.StartsWith("Password", StringComparison.Ordinal) => "password",
        nameof(IdentityErrorDescriber.InvalidEmail) => "email",
        _ => "userName",
    };

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "User {UserId} registered.")]
        public static partial void Registered(ILogger logger, int userId);
    }
}

/// <summary>The body of <c>POST /register/</c>.</summary>
public sealed record RegisterRequest
{
    /// <summary>The address of the account. One mailbox is one account. Spaces around the address are taken off; without them it has at most 254 characters.</summary>
    /// <example>ada@example.com</example>
    [Required(ErrorMessage = "This is required."), EmailAddressFormat]
    public string Email { get; init; } = "";

    /// <summary>15 to 1,024 characters of any kind, and not a common or guessable password.</summary>
    /// <example>correct horse battery staple</example>
    [Required(AllowEmptyStrings = true, ErrorMessage = "This is required."), MinLength(1, ErrorMessage = "This is required.")]
    [MaxCharacters(AccountPasswordOptions.MaxCharacters, ErrorMessage = "This must have at most 1024 characters.")]
    public string Password { get; init; } = "";

    /// <summary>A name to log in with beside the address: 1 to 64 letters, digits, dots, hyphens and underscores. Left out or empty, it is the address.</summary>
    /// <example>ada</example>
    // No "@": nobody can take another's address as their name. An empty one is left out.
    [RegularExpression("^[A-Za-z0-9._-]{0,64}$", ErrorMessage = "This must have 1 to 64 letters (a-z), digits, dots, hyphens or underscores.")]
    public string? UserName { get; init => field = value is "" ? null : value; }

    // MVC logs the arguments of an action, at Trace.
    public override string ToString() => nameof(RegisterRequest);
}
