using System.Globalization;
using AuthApi.Accounts;
using AuthApi.Http;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Benchmarks;

/// <summary>
/// AuthApi's <see cref="AccountController"/> as one would write it over the stock cookie. It answers with AuthApi's own
/// records, so that both write the same JSON. What AuthApi knows of a session from its row, this one reads from the cookie.
/// </summary>
/// <remarks>
/// What the cookie does not carry is answered with a constant. That favours the stock cookie: a real application would ask
/// the store, or put more into every cookie.
/// </remarks>
[ApiController]
public sealed partial class StockAccountController(
    SignInManager<ApplicationUser> signInManager,
    UserManager<ApplicationUser> userManager,
    TimeProvider time,
    ILogger<StockAccountController> logger) : ControllerBase
{
    [HttpPost("/register/")]
    public async Task<ActionResult<UserResponse>> Register(RegisterRequest request)
    {
        var user = new ApplicationUser { Email = request.Email, UserName = request.Email, CreatedAt = time.GetUtcNow() };
        var result = await userManager.CreateAsync(user, request.Password);
        return result.Succeeded ? StatusCode(StatusCodes.Status201Created, UserResponse.From(user)) : BadRequest(result.Errors);
    }

    [HttpPost("/login/")]
    public async Task<ActionResult<UserResponse>> Login(LoginRequest request)
    {
        var user = await userManager.FindByEmailAsync(request.Email!);
        if (user is null)
        {
            return Unauthorized();
        }

        var result = await signInManager.PasswordSignInAsync(user, request.Password, request.RememberMe, lockoutOnFailure: true);
        return result.Succeeded ? UserResponse.From(user) : Unauthorized();
    }

    [HttpPost("/logout/")]
    [Authorize]
    public async Task<ActionResult<LogoutResponse>> Logout()
    {
        var userId = User.GetUserId();
        await signInManager.SignOutAsync();
        Log.LoggedOut(logger, userId);
        return new LogoutResponse(string.Create(CultureInfo.InvariantCulture, $"Logout successful. User id: {userId}"));
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "User {UserId} logged out.")]
        public static partial void LoggedOut(ILogger logger, int userId);
    }
}
