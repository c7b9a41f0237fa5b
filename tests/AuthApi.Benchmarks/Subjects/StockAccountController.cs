using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>
/// AuthApi's calls as one would write them over the stock cookie. What AuthApi knows of a session from its row, this one reads from
/// the cookie.
/// </summary>
/// <remarks>
/// What the cookie does not carry is answered with a constant. That favours the stock cookie: a real application would ask
/// the store, or put more into every cookie.
/// </remarks>
[ApiController]
public sealed partial class StockAccountController(
    SignInManager<StockUser> signInManager,
    UserManager<StockUser> userManager,
    TimeProvider time,
    ILogger<StockAccountController> logger) : ControllerBase
{
    [HttpPost("/register/")]
    public async Task<ActionResult<StockUserResponse>> Register(StockCredentials request)
    {
        var user = new StockUser { Email = request.Email, UserName = request.Email, CreatedAt = time.GetUtcNow() };
        var result = await userManager.CreateAsync(user, request.Password);
        return result.Succeeded ? StatusCode(StatusCodes.Status201Created, StockUserResponse.From(user)) : BadRequest(result.Errors);
    }

    [HttpPost("/login/")]
    public async Task<ActionResult<StockUserResponse>> Login(StockCredentials request)
    {
        var user = await userManager.FindByEmailAsync(request.Email);
        if (user is null)
        {
            return Unauthorized();
        }

        var result = await signInManager.PasswordSignInAsync(user, request.Password, request.RememberMe, lockoutOnFailure: true);
        return result.Succeeded ? StockUserResponse.From(user) : Unauthorized();
    }

    [HttpPost("/logout/")]
    [Authorize]
    public async Task<ActionResult<StockLogoutResponse>> Logout()
    {
        var userId = int.Parse(User.FindFirstValue(ClaimTypes.NameIdentifier)!, CultureInfo.InvariantCulture);
        await signInManager.SignOutAsync();
        Log.LoggedOut(logger, userId);
        return new StockLogoutResponse(string.Create(CultureInfo.InvariantCulture, $"Logout successful. User id: {userId}"));
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "User {UserId} logged out.")]
        public static partial void LoggedOut(ILogger logger, int userId);
    }
}
