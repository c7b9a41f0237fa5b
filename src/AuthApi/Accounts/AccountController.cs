using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Claims;
using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Security;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Accounts;

/// <summary>Who you are: making an account, logging in, logging out.</summary>
[ApiController]
[Produces("application/json")]
[Tags("Accounts")]
public sealed partial class AccountController(
    SignInManager<ApplicationUser> signInManager,
    ApplicationUserManager userManager,
    UserSessionManager sessions,
    TimeProvider time,
    ILogger<AccountController> logger) : ControllerBase
{
    private const string Scopes = "This must be current, others or all.";

    private const string Busy =
        "`server_busy`: too many passwords are waiting to be hashed. `store_unavailable`: the store is out of reach. Try again after `Retry-After` seconds.";

    /// <summary>Log out here, on my other devices, or everywhere</summary>
    /// <remarks>
    /// Ends this session, durably, before it answers: from then on its token is refused, whoever holds a copy, in a cookie or a header.
    /// The cookie is removed. It takes no body; one that comes is ignored. It cannot be chosen whom to log out: it is the user whose
    /// session calls.
    /// </remarks>
    /// <param name="scope" example="current">
    /// Which of the user's sessions to end: <c>current</c>, this one, is the default; <c>others</c>, all but this one, or <c>all</c>,
    /// which both take a recent authentication.
    /// </param>
    /// <response code="200">The sessions have ended.</response>
    [HttpPost("/logout/", Name = "logout")]
    [Authorize]
    [RemovesDeadCookie]
    [CountedAs(RateLimit.Logouts)]
    [ProducesResponseType<LogoutResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`reauthentication_required`: `others` and `all` take a recent authentication.")]
    public async Task<ActionResult<LogoutResponse>> Logout(
        [FromQuery, AllowedValues(null, "current", "others", "all", ErrorMessage = Scopes)] string? scope)
    {
        // An empty value binds as null, and of two values the first.
        if ((scope is null && Request.Query.ContainsKey("scope")) || Request.Query["scope"].Count > 1)
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
                var current = HttpContext.GetSession().Session.Id;
                var end = new SessionEnd(AuditEvent.SessionRevoked, ClientInfo.Of(HttpContext), current, "logout_others");
                ended = (await sessions.EndAllAsync(userId, end, except: current)).Count;
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
    /// Starts a session. Its token comes in a cookie, or with <c>"transport": "header"</c> as <c>sessionToken</c>, to be sent as
    /// <c>Authorization: Session TOKEN</c>. If the request comes with a live session, that one ends: a token never survives a change of
    /// identity. A wrong password, an unknown user and a locked account are answered alike.
    /// </remarks>
    /// <response code="200">Logged in. A cookie is in <c>Set-Cookie</c>; a token for the header is in <c>sessionToken</c>.</response>
    [HttpPost("/login/", Name = "login")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<LoginResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status401Unauthorized, "`invalid_credentials`: not this address or name with this password. `ambiguous_session`: two session cookies came with different values, and another would not help.")]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, Busy)]
    public async Task<ActionResult<LoginResponse>> Login(LoginRequest request)
    {
        // The cookie that a login sets would be one more of them.
        if (request.Transport == SessionTransport.Cookie && HttpContext.HasAmbiguousSession())
        {
            return new ProblemResult(ApiProblem.AmbiguousSession);
        }

        var user = request.Email is not null
            ? await userManager.FindByEmailAsync(request.Email)
            : await userManager.FindByNameAsync(request.UserName!);
        if (!await CanTryPasswordAsync(user, request.Password))
        {
            await userManager.CountFailureAsync(user ?? ApplicationUserManager.Nobody, Failure(AuditEvent.SignInFailed, user?.Id));
            return new ProblemResult(ApiProblem.InvalidCredentials);
        }

        var result = await signInManager.CheckPasswordSignInAsync(user!, request.Password, lockoutOnFailure: false);
        if (!result.Succeeded)
        {
            // Whoever may not sign in yet is refused by Identity before it looks at the password.
            if (result.IsNotAllowed)
            {
                await userManager.SpendPasswordCheckAsync(request.Password);
            }

            await userManager.CountFailureAsync(user!, Failure(AuditEvent.SignInFailed, user!.Id));
            return new ProblemResult(ApiProblem.InvalidCredentials);
        }

        if (await signInManager.IsTwoFactorEnabledAsync(user!) && !await signInManager.IsTwoFactorClientRememberedAsync(user!))
        {
            return new ProblemResult(ApiProblem.TwoFactorRequired);
        }

        var properties = SessionProperties.Create(request.Transport ?? SessionTransport.Cookie, request.RememberMe ?? false);
        await signInManager.SignInWithClaimsAsync(user!, properties, [new Claim("amr", "pwd")]);
        Log.LoggedIn(logger, user!.Id);
        var (session, token) = properties.GetStartedSession();
        return new LoginResponse(UserResponse.From(user), session, token);
    }

    /// <summary>Give my password again, for calls that ask for it</summary>
    /// <remarks>
    /// The session keeps its id, counts as recently authenticated, and gets a new token; the old one is dead. Some calls ask for it by
    /// answering 403 <c>reauthentication_required</c>. Wrong passwords count as failed logins do.
    /// </remarks>
    /// <response code="200">The session as it is now. Its new token comes the way its first one came.</response>
    [HttpPost("/reauthenticate/", Name = "reauthenticate")]
    [Authorize]
    [CountedAs(RateLimit.Logins)]
    [ProducesResponseType<ReauthenticateResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`invalid_credentials`: not this user's password. The session goes on.")]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, Busy)]
    public async Task<ActionResult<ReauthenticateResponse>> Reauthenticate(ReauthenticateRequest request)
    {
        var user = await userManager.GetUserAsync(User);
        var failure = Failure(AuditEvent.ReauthenticationFailed, User.GetUserId()) with { SessionId = HttpContext.GetSession().Session.Id };

        // Not a 401: a client that gets one throws its token away, and the session is alive.
        var refused = new ProblemResult(ApiProblem.InvalidCredentials with { Status = StatusCodes.Status403Forbidden });
        if (!await CanTryPasswordAsync(user, request.Password))
        {
            await userManager.CountFailureAsync(user ?? ApplicationUserManager.Nobody, failure);
            return refused;
        }

        if (!(await signInManager.CheckPasswordSignInAsync(user!, request.Password, lockoutOnFailure: false)).Succeeded)
        {
            await userManager.CountFailureAsync(user!, failure);
            return refused;
        }

        return await HttpContext.RenewSessionAsync(sessions) is var (session, token)
            ? new ReauthenticateResponse(session, token)
            : Challenge(); // ended while the password was being checked
    }

    /// <summary>Make an account</summary>
    /// <remarks>Does not log in. A password is 15 to 1,024 characters of any kind. There are no rules of composition, but one that is easy to guess is refused.</remarks>
    /// <response code="201">The account is made.</response>
    [HttpPost("/register/", Name = "register")]
    [AllowAnonymous]
    [CountedAs(RateLimit.Registrations)]
    [ProducesResponseType<UserResponse>(StatusCodes.Status201Created)]
    [ProducesProblem(StatusCodes.Status409Conflict, "`email_taken`: there is an account with this address already.")]
    [ProducesProblem(StatusCodes.Status503ServiceUnavailable, Busy)]
    public async Task<ActionResult<UserResponse>> Register(RegisterRequest request)
    {
        var user = new ApplicationUser
        {
            Email = request.Email.Trim(),
            UserName = string.IsNullOrEmpty(request.UserName) ? request.Email.Trim() : request.UserName,
            CreatedAt = time.GetUtcNow(),
        };

        IdentityResult result;
        try
        {
            result = await userManager.CreateAsync(user, request.Password);
        }
        catch (DbUpdateException exception) when (exception.InnerException is SqliteException { SqliteErrorCode: SQLitePCL.raw.SQLITE_CONSTRAINT })
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

    // Where the password cannot be tried, all is done that trying it would do, so that the time does not tell.
    private async Task<bool> CanTryPasswordAsync(ApplicationUser? user, string password)
    {
        var isLockedOut = await userManager.IsLockedOutAsync(user ?? ApplicationUserManager.Nobody);
        if (user is not null && !isLockedOut)
        {
            return true;
        }

        await userManager.SpendPasswordCheckAsync(password);
        return false;
    }

    private AuditEntry Failure(AuditEvent what, int? userId)
    {
        var client = ClientInfo.Of(HttpContext);
        return new AuditEntry { At = time.GetUtcNow(), Event = what, UserId = userId, SessionId = null, IpAddress = client.IpAddress, UserAgent = client.UserAgent };
    }

    private static string FieldOf(string identityErrorCode) => identityErrorCode switch
    {
        _ when identityErrorCode.StartsWith("Password", StringComparison.Ordinal) => "password",
        nameof(IdentityErrorDescriber.InvalidEmail) => "email",
        _ => "userName",
    };

    private static partial class Log
    {
        // Who came and went is in the activity, for sure and for long. Writing a line about it as well took a seventh of a logout's CPU.
        [LoggerMessage(1, LogLevel.Debug, "User {UserId} logged in.")]
        public static partial void LoggedIn(ILogger logger, int userId);

        [LoggerMessage(2, LogLevel.Debug, "User {UserId} logged out.")]
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

    /// <summary>15 to 1,024 characters of any kind, and not a common or guessable password.</summary>
    /// <example>correct horse battery staple</example>
    [Required(AllowEmptyStrings = true, ErrorMessage = "This is required."), MinLength(1, ErrorMessage = "This is required.")]
    [MaxCharacters(AccountPasswordOptions.MaxCharacters, ErrorMessage = "This must have at most 1024 characters.")]
    public string Password { get; init; } = "";

    /// <summary>A name to log in with beside the address: 1 to 64 letters, digits, dots, hyphens and underscores. The address when left out.</summary>
    /// <example>ada</example>
    // No "@": nobody can take another's address as their name.
    [RegularExpression("^[A-Za-z0-9._-]{1,64}$", ErrorMessage = "This must have 1 to 64 letters (a-z), digits, dots, hyphens or underscores.")]
    public string? UserName { get; init => field = value is "" ? null : value; }

    // MVC logs what an action is given, at Trace.
    public override string ToString() => nameof(RegisterRequest);
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
    public string? UserName { get; init => field = value is "" ? null : value; }

    /// <summary>The account's password.</summary>
    /// <example>correct horse battery staple</example>
    [Required(AllowEmptyStrings = true, ErrorMessage = "This is required."), MinLength(1, ErrorMessage = "This is required.")]
    [MaxCharacters(AccountPasswordOptions.MaxCharacters, ErrorMessage = "This must have at most 1024 characters.")]
    public string Password { get; init; } = "";

    /// <summary>Whether the session outlives the browser and has the longer limits.</summary>
    /// <example>false</example>
    public bool? RememberMe { get; init; }

    /// <summary>How the token will travel: in a <c>cookie</c>, or in a <c>header</c> for clients without a cookie jar.</summary>
    /// <example>cookie</example>
    public SessionTransport? Transport { get; init; } = SessionTransport.Cookie;

    // MVC logs what an action is given, at Trace.
    public override string ToString() => nameof(LoginRequest);

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
/// <param name="SessionToken" example="3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA">
/// The token, with <c>"transport": "header"</c> only: send it as <c>Authorization: Session TOKEN</c>. It is told this once.
/// </param>
public sealed record LoginResponse(
    UserResponse User,
    SessionResponse Session,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? SessionToken)
{
    public override string ToString() => nameof(LoginResponse);
}

/// <summary>What <c>POST /reauthenticate/</c> takes.</summary>
public sealed record ReauthenticateRequest
{
    /// <summary>The account's password.</summary>
    /// <example>correct horse battery staple</example>
    [Required(AllowEmptyStrings = true, ErrorMessage = "This is required."), MinLength(1, ErrorMessage = "This is required.")]
    [MaxCharacters(AccountPasswordOptions.MaxCharacters, ErrorMessage = "This must have at most 1024 characters.")]
    public string Password { get; init; } = "";

    // MVC logs what an action is given, at Trace.
    public override string ToString() => nameof(ReauthenticateRequest);
}

/// <summary>What a renewal of the session answers.</summary>
/// <param name="Session">The session, as it is now.</param>
/// <param name="SessionToken" example="3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA">The new token, where it travels in the header.</param>
public sealed record ReauthenticateResponse(
    SessionResponse Session,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? SessionToken)
{
    public override string ToString() => nameof(ReauthenticateResponse);
}

/// <summary>What a logout answers.</summary>
/// <param name="Message" example="Logout successful. User id: 42">Says whose session ended.</param>
/// <param name="EndedSessions" example="3">The number of sessions that ended, with <c>others</c> and <c>all</c> only.</param>
public sealed record LogoutResponse(
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? EndedSessions = null);
