using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Claims;
using AuthApi.Http;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Accounts;

/// <summary>Who you are: making an account, logging in, logging out.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Accounts")]
public sealed partial class AccountController(
    SignInManager<ApplicationUser> signInManager,
    UserManager<ApplicationUser> userManager,
    TimeProvider time,
    ILogger<AccountController> logger) : ControllerBase
{
    /// <summary>Log out</summary>
    /// <remarks>
    /// Ends this session, durably, before it answers: from then on its token is refused, whoever holds a copy. The cookie is removed.
    /// It takes no body; one that comes is ignored. It cannot be chosen whom to log out: it is the session that calls.
    /// </remarks>
    /// <param name="scope" example="current">Which sessions to end: <c>current</c>, this one, is the default.</param>
    /// <response code="200">The session has ended.</response>
    [HttpPost("/logout/", Name = "logout")]
    [Authorize]
    [ProducesResponseType<LogoutResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<LogoutResponse>> Logout(
        [FromQuery, AllowedValues(null, "current", ErrorMessage = "This must be: current.")] string? scope)
    {
        // Who is leaving is read first; afterwards there is nobody to ask.
        var userId = UserId(User);
        await signInManager.SignOutAsync();
        Log.LoggedOut(logger, userId);
        return new LogoutResponse(string.Create(CultureInfo.InvariantCulture, $"Logout successful. User id: {userId}"));
    }

    /// <summary>Log in</summary>
    /// <remarks>
    /// Starts a session and sets its cookie. If the request comes with a live session, that one ends: a token never survives
    /// a change of identity. A wrong password, an unknown user and a locked account are answered alike.
    /// </remarks>
    /// <response code="200">Logged in. The cookie is in <c>Set-Cookie</c>.</response>
    [HttpPost("/login/", Name = "login")]
    [AllowAnonymous]
    [ProducesResponseType<LoginResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status401Unauthorized, "`invalid_credentials`: not this address or name with this password.")]
    public async Task<ActionResult<LoginResponse>> Login(LoginRequest request)
    {
        var user = request.Email is not null
            ? await userManager.FindByEmailAsync(request.Email)
            : await userManager.FindByNameAsync(request.UserName!);

        if (user is null || await userManager.IsLockedOutAsync(user))
        {
            // What a check would have cost, so that the time does not tell one from the other (ASVS 6.3.8).
            userManager.PasswordHasher.HashPassword(user ?? new ApplicationUser(), request.Password);
            return new ProblemResult(ApiProblem.InvalidCredentials);
        }

        var result = await signInManager.PasswordSignInAsync(user, request.Password, request.RememberMe, lockoutOnFailure: true);
        if (!result.Succeeded)
        {
            return new ProblemResult(result switch
            {
                { RequiresTwoFactor: true } => ApiProblem.TwoFactorRequired,
                _ => ApiProblem.InvalidCredentials,
            });
        }

        Log.LoggedIn(logger, user.Id);
        return new LoginResponse(UserResponse.From(user), HttpContext.GetStartedSession());
    }

    /// <summary>Make an account</summary>
    /// <remarks>Does not log in. A password is 15 to 1,024 characters of any kind; there are no rules of composition.</remarks>
    /// <response code="201">The account is made.</response>
    [HttpPost("/register/", Name = "register")]
    [AllowAnonymous]
    [ProducesResponseType<UserResponse>(StatusCodes.Status201Created)]
    [ProducesProblem(StatusCodes.Status409Conflict, "`email_taken`: there is an account with this address already.")]
    public async Task<ActionResult<UserResponse>> Register(RegisterRequest request)
    {
        var user = new ApplicationUser
        {
            Email = request.Email,
            UserName = request.UserName ?? request.Email,
            CreatedAt = time.GetUtcNow(),
        };

        IdentityResult result;
        try
        {
            result = await userManager.CreateAsync(user, request.Password);
        }
        catch (DbUpdateException exception) when (!StoreUnavailableException.IsCauseOf(exception))
        {
            // Somebody else took the address or the name between Identity's look and the insert.
            return await userManager.FindByEmailAsync(request.Email) is not null
                ? new ProblemResult(ApiProblem.EmailTaken)
                : ProblemResult.Invalid("userName", userManager.ErrorDescriber.DuplicateUserName(user.UserName).Description);
        }

        if (result.Succeeded)
        {
            Log.Registered(logger, user.Id);
            return StatusCode(StatusCodes.Status201Created, UserResponse.From(user));
        }

        return result.Errors.Any(error => error.Code == nameof(IdentityErrorDescriber.DuplicateEmail))
            ? new ProblemResult(ApiProblem.EmailTaken)
            : new ProblemResult(ApiProblem.ValidationFailed, result.Errors
                .GroupBy(error => FieldOf(error.Code))
                .ToDictionary(field => field.Key, field => field.Select(error => error.Description).ToArray()));
    }

    /// <summary>Who am I</summary>
    /// <response code="200">The account and the session of this request.</response>
    [HttpGet("/me/", Name = "me")]
    [Authorize]
    [ProducesResponseType<MeResponse>(StatusCodes.Status200OK)]
    public ActionResult<MeResponse> Me() => new MeResponse(
        UserId(User),
        User.FindFirstValue(ClaimTypes.Email)!,
        ApplicationClaimsPrincipalFactory.IsTrue(User, ApplicationClaimsPrincipalFactory.EmailVerified),
        User.FindFirstValue(ClaimTypes.Name)!,
        [.. User.FindAll(ClaimTypes.Role).Select(role => role.Value)],
        ApplicationClaimsPrincipalFactory.IsTrue(User, ApplicationClaimsPrincipalFactory.TwoFactorEnabled),
        HttpContext.GetSession());

    private static int UserId(ClaimsPrincipal user) =>
        int.Parse(user.FindFirstValue(ClaimTypes.NameIdentifier)!, CultureInfo.InvariantCulture);

    private static string FieldOf(string identityErrorCode) => identityErrorCode switch
    {
        _ when identityErrorCode.StartsWith("Password", StringComparison.Ordinal) => "password",
        nameof(IdentityErrorDescriber.InvalidEmail) => "email",
        _ => "userName",
    };

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "User {UserId} logged in.")]
        public static partial void LoggedIn(ILogger logger, int userId);

        [LoggerMessage(2, LogLevel.Information, "User {UserId} logged out.")]
        public static partial void LoggedOut(ILogger logger, int userId);

        [LoggerMessage(3, LogLevel.Information, "User {UserId} registered.")]
        public static partial void Registered(ILogger logger, int userId);
    }
}

/// <summary>What <c>POST /register/</c> takes.</summary>
public sealed record RegisterRequest
{
    /// <summary>The address of the account; it belongs to one account only.</summary>
    /// <example>ada@example.com</example>
    [Required(ErrorMessage = "This is required."), EmailAddressFormat]
    public string Email { get; init; } = "";

    /// <summary>15 to 1,024 characters of any kind.</summary>
    /// <example>correct horse battery staple</example>
    [Required(ErrorMessage = "This is required."), MaxLength(1024, ErrorMessage = "This must have at most 1024 characters.")]
    public string Password { get; init; } = "";

    /// <summary>A name to log in with beside the address: 1 to 64 letters, digits, dots, hyphens and underscores. The address when left out.</summary>
    /// <example>ada</example>
    // No "@": nobody can take another's address as their name.
    [RegularExpression("[A-Za-z0-9._-]{1,64}", ErrorMessage = "This must have 1 to 64 letters (a-z), digits, dots, hyphens or underscores.")]
    public string? UserName { get; init; }
}

/// <summary>What <c>POST /login/</c> takes: a password, and an address or a user name.</summary>
public sealed record LoginRequest : IValidatableObject
{
    /// <summary>The account's address; or give <c>userName</c>.</summary>
    /// <example>ada@example.com</example>
    [MaxLength(254, ErrorMessage = "This must have at most 254 characters.")]
    public string? Email { get; init; }

    /// <summary>The account's user name; or give <c>email</c>.</summary>
    [MaxLength(254, ErrorMessage = "This must have at most 254 characters.")]
    public string? UserName { get; init; }

    /// <summary>The account's password.</summary>
    /// <example>correct horse battery staple</example>
    [Required(ErrorMessage = "This is required."), MaxLength(1024, ErrorMessage = "This must have at most 1024 characters.")]
    public string Password { get; init; } = "";

    /// <summary>Whether the session outlives the browser and has the longer limits.</summary>
    /// <example>false</example>
    public bool RememberMe { get; init; }

    /// <summary>How the token will travel.</summary>
    public SessionTransport Transport { get; init; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Email is null == UserName is null)
        {
            yield return new ValidationResult("Give either email or userName.", ["email"]);
        }
    }
}

/// <summary>An account, briefly.</summary>
/// <param name="Id" example="42">The user's id.</param>
/// <param name="Email" example="ada@example.com">The account's address.</param>
/// <param name="UserName" example="ada">The account's user name.</param>
public sealed record UserResponse(int Id, string Email, string UserName)
{
    internal static UserResponse From(ApplicationUser user) => new(user.Id, user.Email!, user.UserName!);
}

/// <summary>What a login answers.</summary>
/// <param name="User">Who logged in.</param>
/// <param name="Session">The session that was started.</param>
public sealed record LoginResponse(UserResponse User, SessionResponse Session);

/// <summary>What a logout answers.</summary>
/// <param name="Message" example="Logout successful. User id: 42">Says whose session ended.</param>
public sealed record LogoutResponse(string Message);

/// <summary>An account, as its owner sees it.</summary>
/// <param name="Id" example="42">The user's id.</param>
/// <param name="Email" example="ada@example.com">The account's address.</param>
/// <param name="EmailConfirmed">Whether the address was confirmed.</param>
/// <param name="UserName" example="ada">The account's user name.</param>
/// <param name="Roles">The account's roles.</param>
/// <param name="TwoFactorEnabled">Whether a login takes a second factor.</param>
/// <param name="Session">The session of this request.</param>
public sealed record MeResponse(
    int Id, string Email, bool EmailConfirmed, string UserName, IReadOnlyList<string> Roles, bool TwoFactorEnabled, SessionResponse Session);
