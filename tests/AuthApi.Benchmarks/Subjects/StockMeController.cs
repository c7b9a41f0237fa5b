using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>The same call as AuthApi's, with the same JSON, and like it without the managers that it does not need.</summary>
[ApiController]
public sealed class StockMeController(TimeProvider time) : ControllerBase
{
    [HttpGet("/me/")]
    [Authorize]
    public ActionResult<StockMeResponse> Me() => new StockMeResponse(
        int.Parse(User.FindFirstValue(ClaimTypes.NameIdentifier)!, CultureInfo.InvariantCulture),
        User.FindFirstValue(ClaimTypes.Email)!,
        EmailConfirmed: false,
        User.FindFirstValue(ClaimTypes.Name)!,
        [.. User.FindAll(ClaimTypes.Role).Select(role => role.Value)],
        TwoFactorEnabled: false,
        Session());

    private StockSessionResponse Session()
    {
        var cookie = HttpContext.Features.Get<IAuthenticateResultFeature>()!.AuthenticateResult!.Properties!;
        return new StockSessionResponse(
            Guid.Empty.ToString(),
            Current: true,
            cookie.IssuedUtc!.Value,
            time.GetUtcNow(),
            cookie.ExpiresUtc!.Value,
            HttpContext.Connection.RemoteIpAddress?.ToString(),
            Request.Headers.UserAgent.ToString(),
            Device: null,
            StockTransport.Cookie,
            [.. User.FindAll("amr").Select(method => method.Value)]);
    }
}
