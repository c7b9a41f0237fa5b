using System.Security.Claims;
using AuthApi.Api;
using AuthApi.Identity;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Accounts;

/// <summary>
/// The account of the caller. It is apart from <see cref="AccountController"/>, whose managers and database context would be created for
/// every request: this one is answered from memory.
/// </summary>
[ApiController]
[Produces("application/json")]
[Tags("Accounts")]
public sealed class MeController : ControllerBase
{
    /// <summary>See who I am signed in as</summary>
    /// <remarks>The account and the session of the request. A change of roles or of the account shows in the next request.</remarks>
    /// <response code="200">The account and the session of this request.</response>
    [HttpGet("/me/", Name = "me")]
    [Authorize]
    [AllowRecoverySession]
    [ProducesResponseType<MeResponse>(StatusCodes.Status200OK)]
    public ActionResult<MeResponse> Me() => MeResponse.From(User, HttpContext.GetUserSession().ToResponse());
}

/// <summary>An account, as its owner sees it.</summary>
/// <param name="Id" example="42">The user's id.</param>
/// <param name="Email" example="ada@example.com">The account's address.</param>
/// <param name="EmailConfirmed">Whether the address is confirmed.</param>
/// <param name="UserName" example="ada">The account's user name.</param>
/// <param name="Roles">The account's roles.</param>
/// <param name="TwoFactorEnabled">Whether a login needs a second factor.</param>
/// <param name="Session">The session of this request.</param>
public sealed record MeResponse(
    int Id, string Email, bool EmailConfirmed, string UserName, IReadOnlyList<string> Roles, bool TwoFactorEnabled, SessionResponse Session)
{
    // In one pass, where asking for each claim by its type would go through all of them each time. The account's own come before any that it was given.
    internal static MeResponse From(ClaimsPrincipal user, SessionResponse session)
    {
        string? email = null, userName = null;
        var (emailConfirmed, twoFactorEnabled) = (false, false);
        List<string> roles = [];
        foreach (var claim in user.Claims)
        {
            switch (claim.Type)
            {
                case ClaimTypes.Email:
                    email ??= claim.Value;
                    break;
                case ClaimTypes.Name:
                    userName ??= claim.Value;
                    break;
                case ClaimTypes.Role:
                    roles.Add(claim.Value);
                    break;
                case ApplicationClaimsPrincipalFactory.EmailVerified:
                    emailConfirmed |= claim.Value == ApplicationClaimsPrincipalFactory.True;
                    break;
                case ApplicationClaimsPrincipalFactory.TwoFactorEnabled:
                    twoFactorEnabled |= claim.Value == ApplicationClaimsPrincipalFactory.True;
                    break;
            }
        }

        return new MeResponse(user.GetUserId(), email!, emailConfirmed, userName!, roles, twoFactorEnabled, session);
    }
}
