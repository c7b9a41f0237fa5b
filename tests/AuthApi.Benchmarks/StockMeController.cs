using System.Security.Claims;
using AuthApi.Accounts;
using AuthApi.Http;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Benchmarks;

/// <summary>The same call as AuthApi's, with the same JSON, and like it without the managers that it does not need.</summary>
[ApiController]
public sealed class StockMeController(TimeProvider time) : ControllerBase
{
    [HttpGet("/me/")]
    [Authorize]
    public ActionResult<MeResponse> Me() => new MeResponse(
        User.GetUserId(),
        User.FindFirstValue(ClaimTypes.Email)!,
        EmailConfirmed: false,
        User.FindFirstValue(ClaimTypes.Name)!,
        [.. User.FindAll(ClaimTypes.Role).Select(role => role.Value)],
        TwoFactorEnabled: false,
        Session());

    private SessionResponse Session()
    {
        var cookie = HttpContext.Features.Get<IAuthenticateResultFeature>()!.AuthenticateResult!.Properties!;
        return new SessionResponse(
            Guid.Empty.ToString(),
            Current: true,
            cookie.IssuedUtc!.Value,
            time.GetUtcNow(),
            cookie.ExpiresUtc!.Value,
            HttpContext.Connection.RemoteIpAddress?.ToString(),
            Request.Headers.UserAgent.ToString(),
            Device: null,
            SessionTransport.Cookie,
            [.. User.FindAll("amr").Select(method => method.Value)]);
    }
}
