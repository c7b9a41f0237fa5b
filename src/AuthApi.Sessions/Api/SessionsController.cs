using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Sessions;

/// <summary>The devices you are signed in on, and what happened to the account.</summary>
[ApiController]
[Produces("application/json")]
[ResponseCache(NoStore = true)]
[Tags("Sessions")]
internal sealed class SessionsController(UserSessionManager sessions) : ControllerBase
{
    /// <summary>See where I am signed in</summary>
    /// <remarks>
    /// All live sessions of the account, the most recently used first. <c>lastIpAddress</c> and <c>lastDevice</c> are where a session was last used
    /// from: another place than that of the sign-in may be somebody who has a copy of the token. No answer has a token.
    /// </remarks>
    /// <response code="200">The sessions.</response>
    [HttpGet("/sessions/", Name = "listSessions")]
    [Authorize(AuthenticationSchemes = SessionControllers.Scheme)]
    [ProducesResponseType<SessionsResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<SessionsResponse>> List()
    {
        var current = HttpContext.GetUserSession().Session;
        return new SessionsResponse([.. (await sessions.ListAsync(current.UserId)).Select(session => session.ToResponse(session.Session.Id == current.Id))]);
    }

    /// <summary>See the session of this request</summary>
    /// <remarks>This is no use of the session: a page that polls it does not keep the session alive, and learns when it will end.</remarks>
    /// <response code="200">The session.</response>
    [HttpGet("/session/", Name = "session")]
    [Authorize(AuthenticationSchemes = SessionControllers.Scheme)]
    [NoSessionUse]
    [ProducesResponseType<CurrentSessionResponse>(StatusCodes.Status200OK)]
    public ActionResult<CurrentSessionResponse> Current() => new CurrentSessionResponse(HttpContext.GetUserSession().ToResponse());

    /// <summary>End one of my sessions</summary>
    /// <remarks>
    /// The session's token is rejected from then on, as after its own logout. Ending the current session removes its cookie; ending another needs
    /// a recent authentication.
    /// </remarks>
    /// <param name="id">The session's <c>id</c> in <c>GET /sessions/</c>.</param>
    /// <response code="204">The session has ended.</response>
    [HttpDelete("/sessions/{id}/", Name = "endSession")]
    [Authorize(AuthenticationSchemes = SessionControllers.Scheme)]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesSessionProblem(StatusCodes.Status403Forbidden, "`reauthentication_required`: ending another session needs a recent authentication.")]
    [ProducesSessionProblem(StatusCodes.Status404NotFound, "`not_found`: the account has no live session with this id.")]
    public async Task<ActionResult> End(string id)
    {
        var current = HttpContext.GetUserSession().Session;
        if (id == current.Id.ToString())
        {
            await HttpContext.SignOutAsync(IdentityConstants.ApplicationScheme);
            return NoContent();
        }

        // Another user's session is answered as one that does not exist.
        var session = (await sessions.ListAsync(current.UserId)).Select(item => item.Session).FirstOrDefault(session => session.Id.ToString() == id);
        if (session is null)
        {
            return new SessionProblemResult(SessionProblem.NotFound);
        }

        if (!await HttpContext.IsRecentlyAuthenticatedAsync())
        {
            return new SessionProblemResult(SessionProblem.ReauthenticationRequired);
        }

        var end = new SessionEnd(AuditEvent.SessionRevoked, ClientInfo.Of(HttpContext), current.Id);
        return await sessions.EndAsync(session, end) is not null
            ? NoContent()
            : new SessionProblemResult(SessionProblem.NotFound);
    }
}

/// <summary>The live sessions of an account.</summary>
/// <param name="Items">The sessions, the most recently used first.</param>
public sealed record SessionsResponse(IReadOnlyList<SessionResponse> Items);

/// <summary>The session of a request.</summary>
/// <param name="Session">The session.</param>
public sealed record CurrentSessionResponse(SessionResponse Session);
