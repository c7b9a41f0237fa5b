using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Security;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Sessions;

/// <summary>The devices you are signed in on, and what happened to the account.</summary>
[ApiController]
[Produces("application/json")]
[ResponseCache(NoStore = true)]
[Tags("Sessions")]
public sealed class SessionsController(
    UserSessionManager sessions, SignInManager<ApplicationUser> signInManager) : ControllerBase
{
    /// <summary>See where I am signed in</summary>
    /// <remarks>All live sessions of the account, the most recently used first. No answer has a token.</remarks>
    /// <response code="200">The sessions.</response>
    [HttpGet("/sessions/", Name = "listSessions")]
    [Authorize]
    [ProducesResponseType<SessionsResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<SessionsResponse>> List()
    {
        var current = HttpContext.GetSession().Session;
        return new SessionsResponse([.. (await sessions.ListAsync(current.UserId))
            .Select(item => SessionResponse.From(item.Session, item.LastSeenAt, item.ExpiresAt, item.Session.Id == current.Id))]);
    }

    /// <summary>End one of my sessions</summary>
    /// <remarks>
    /// The session's token is rejected from then on, as after its own logout. Ending the current session removes its cookie; ending another needs
    /// a recent authentication.
    /// </remarks>
    /// <param name="id">The session's <c>id</c> in <c>GET /sessions/</c>.</param>
    /// <response code="204">The session has ended.</response>
    [HttpDelete("/sessions/{id}/", Name = "endSession")]
    [Authorize]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status403Forbidden, "`reauthentication_required`: ending another session needs a recent authentication.")]
    [ProducesProblem(StatusCodes.Status404NotFound, "`not_found`: the account has no live session with this id.")]
    public async Task<ActionResult> End(string id)
    {
        var current = HttpContext.GetSession().Session;
        if (id == current.Id.ToString())
        {
            await signInManager.SignOutAsync();
            return NoContent();
        }

        // Another user's session is answered as one that does not exist.
        var session = (await sessions.ListAsync(current.UserId)).Select(item => item.Session).FirstOrDefault(session => session.Id.ToString() == id);
        if (session is null)
        {
            return new ProblemResult(ApiProblem.NotFound);
        }

        if (!await HttpContext.IsRecentlyAuthenticatedAsync())
        {
            return new ProblemResult(ApiProblem.ReauthenticationRequired);
        }

        var end = new SessionEnd(AuditEvent.SessionRevoked, ClientInfo.Of(HttpContext), current.Id);
        return await sessions.EndAsync(session, end) is not null
            ? NoContent()
            : new ProblemResult(ApiProblem.NotFound);
    }
}

/// <summary>The live sessions of an account.</summary>
/// <param name="Items">The sessions, the most recently used first.</param>
public sealed record SessionsResponse(IReadOnlyList<SessionResponse> Items);
