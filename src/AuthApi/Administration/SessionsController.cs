using System.ComponentModel.DataAnnotations;
using System.Globalization;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Identity;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Administration;

/// <summary>The live sessions of an account, and of everybody.</summary>
[ApiController]
[Authorize(Roles = AccountRoles.Admin)]
[Produces("application/json")]
[ProducesProblem(StatusCodes.Status403Forbidden, AdministrationCalls.Forbidden)]
[Tags(AdministrationCalls.Tag)]
public sealed class SessionsController(UserSessionManager sessions, IServiceProvider services) : ControllerBase
{
    // Internal types: the constructor is public.
    private SessionAdministration Administration => services.GetRequiredService<SessionAdministration>();

    private AuthDbContext Context => services.GetRequiredService<AuthDbContext>();

    // Not where the administrator is: the owner sees it too.
    private SessionEnd Cause => new(AuditEvent.SessionRevoked, BySessionId: HttpContext.GetUserSession().Session.Id, Reason: SessionAdministration.EndReason);

    /// <summary>See the sessions of an account</summary>
    /// <remarks>Its live sessions, the last used first.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <response code="200">Its live sessions, the most recently used first.</response>
    [HttpGet("/admin/users/{id}/sessions/", Name = "listUserSessions")]
    [RecordRead(AdministrationEvent.UserSessionsRead)]
    [ProducesResponseType<SessionsResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status404NotFound, AdministrationAnswers.NoUser)]
    public async Task<ActionResult<SessionsResponse>> ListOfUser(int id)
    {
        var current = HttpContext.GetUserSession().Session.Id;
        return await ExistsAsync(id)
            ? new SessionsResponse([.. (await sessions.ListAsync(Text(id))).Select(session => session.ToResponse(session.Session.Id == current))])
            : new ProblemResult(ApiProblem.NotFound);
    }

    /// <summary>End the sessions of an account</summary>
    /// <remarks>All of them. Their tokens are rejected from then on, on every node. Of the caller's own account the session of this request stays. The owner is notified by mail.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <response code="200">They have ended.</response>
    [HttpDelete("/admin/users/{id}/sessions/", Name = "endUserSessions")]
    [RequireRecentFactor]
    [ProducesResponseType<EndedSessionsResponse>(StatusCodes.Status200OK)]
    [ProducesProblem(StatusCodes.Status404NotFound, AdministrationAnswers.NoUser)]
    public async Task<ActionResult<EndedSessionsResponse>> EndOfUser(int id)
    {
        if (!await ExistsAsync(id))
        {
            return new ProblemResult(ApiProblem.NotFound);
        }

        var ended = id == User.GetUserId()
            ? await sessions.EndOthersAsync(HttpContext.GetUserSession(), Cause)
            : await sessions.EndAllAsync(Text(id), Cause);
        await RecordAsync(id, ended.Count);
        return new EndedSessionsResponse(ended.Count);
    }

    /// <summary>End one session of an account</summary>
    /// <remarks>Its token is rejected from then on, on every node. The owner is notified by mail.</remarks>
    /// <param name="id" example="42">The account's id.</param>
    /// <param name="sessionId" example="01998c5e-6c1f-7d0a-8a53-2f9c1d4b7e60">The session's id.</param>
    /// <response code="204">It has ended. Its token is rejected from then on, on every node.</response>
    [HttpDelete("/admin/users/{id}/sessions/{sessionId}/", Name = "endUserSession")]
    [RequireRecentFactor]
    [ProducesResponseType(StatusCodes.Status204NoContent)]
    [ProducesProblem(StatusCodes.Status404NotFound, "`not_found`: there is no account with this id, or it has no live session with this id.")]
    public async Task<ActionResult> EndOne(int id, Guid sessionId)
    {
        if (await sessions.EndAsync(Text(id), sessionId, Cause) is null)
        {
            return new ProblemResult(ApiProblem.NotFound);
        }

        await RecordAsync(id, 1);
        return NoContent();
    }

    /// <summary>See everybody's sessions</summary>
    /// <remarks>
    /// All live sessions that the filters select, in pages, and how many they are: the preview of <c>DELETE /admin/sessions/</c> with the same filters. A last use on another
    /// node is known to the minute.
    /// </remarks>
    /// <param name="filter">Which sessions.</param>
    /// <param name="after">The <c>next</c> of the previous page, with the same filters; nothing for the first page.</param>
    /// <param name="limit" example="20">The maximum number of items, 1 to 100.</param>
    /// <response code="200">A page of sessions. <c>next</c> is null on the last page.</response>
    [HttpGet("/admin/sessions/", Name = "listEverybodysSessions")]
    [RecordRead(AdministrationEvent.SessionsRead)]
    [ProducesResponseType<EverybodysSessionsResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<EverybodysSessionsResponse>> List(
        [FromQuery] SessionFilter filter,
        [FromQuery] string? after,
        [FromQuery, Range(1, 100, ErrorMessage = "This must be between 1 and 100.")] int limit = 20)
    {
        if (FindBadFilter(nameof(after), nameof(limit)) is { } refused)
        {
            return refused;
        }

        var current = HttpContext.GetUserSession().Session.Id;
        return await Administration.ReadAsync(filter, after, limit) is { } page
            ? new EverybodysSessionsResponse([.. page.Items.Select(session => EverybodysSession.From(session, current))], page.Next, page.Total)
            : ProblemResult.Invalid(nameof(after), AdministrationAnswers.NotACursor);
    }

    /// <summary>End everybody's sessions</summary>
    /// <remarks>
    /// Ends the live sessions that the filters select and that there are when the call begins, and answers when none of their tokens is accepted any more, on any node. Without
    /// a filter everybody is logged out, the caller too.
    /// </remarks>
    /// <param name="filter">Which sessions.</param>
    /// <response code="200">They have ended.</response>
    [HttpDelete("/admin/sessions/", Name = "endEverybodysSessions")]
    [RequireRecentFactor]
    [ProducesResponseType<EndedSessionsResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<EndedSessionsResponse>> End([FromQuery] SessionFilter filter)
    {
        if (FindBadFilter() is { } refused)
        {
            return refused;
        }

        // The session of this request comes last: until then it can be seen who ends the others. A client that hangs up stops nothing.
        var own = HttpContext.GetUserSession().Session.Id;
        var isOwnSelected = await Administration.IsSelectedAsync(filter, own);
        var ended = 0;
        try
        {
            await Administration.EndAsync(filter, Cause, except: own, onEnded: count => ended += count);
        }
        catch when (ended > 0)
        {
            // The call failed, and those have ended all the same: a repeated call could not count them.
            await RecordAsync(filter.UserId, ended);
            throw;
        }

        await RecordAsync(filter.UserId, isOwnSelected ? ended + 1 : ended);
        if (isOwnSelected)
        {
            ended++;
            await HttpContext.SignOutAsync(IdentityConstants.ApplicationScheme);
        }

        return new EndedSessionsResponse(ended);
    }

    // A name that was mistyped, or a value that a script has left empty, would select everybody.
    private ProblemResult? FindBadFilter(params string[] others)
    {
        foreach (var (name, values) in Request.Query)
        {
            if (!SessionFilter.Names.Concat(others).Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                return ProblemResult.Invalid(name.Length <= 64 ? name : "query", $"This is no filter. There are {string.Join(", ", SessionFilter.Names)}.");
            }

            // One of spaces alone is bound as if it were left out.
            if (values is not [var value] || string.IsNullOrWhiteSpace(value))
            {
                return ProblemResult.Invalid(name, "This must have one value.");
            }
        }

        return null;
    }

    private static string Text(int id) => id.ToString(CultureInfo.InvariantCulture);

    private Task<bool> ExistsAsync(int id) => Context.Users.AnyAsync(user => user.Id == id);

    private Task RecordAsync(int? userId, int ended) => services.GetRequiredService<AccountAdministration>().RecordEndedSessionsAsync(userId, ended);
}

/// <summary>The answer to an end of sessions.</summary>
/// <param name="EndedSessions" example="3">How many sessions have ended.</param>
public sealed record EndedSessionsResponse(int EndedSessions);

/// <summary>A page of everybody's sessions.</summary>
/// <param name="Items">The sessions.</param>
/// <param name="Next">The <c>after</c> of the next page; null on the last page.</param>
/// <param name="Total" example="3">How many sessions the filters select in all.</param>
public sealed record EverybodysSessionsResponse(IReadOnlyList<EverybodysSession> Items, string? Next, int Total);

/// <summary>A session and whose it is, without its token.</summary>
/// <param name="UserId" example="42">The account.</param>
/// <param name="Id" example="01998c5e-6c1f-7d0a-8a53-2f9c1d4b7e60">The session's id.</param>
/// <param name="Current">Whether this is the session of the request.</param>
/// <param name="CreatedAt">When the user signed in.</param>
/// <param name="LastSeenAt">When it was last used.</param>
/// <param name="ExpiresAt">When it expires if it is not used again.</param>
/// <param name="IpAddress" example="203.0.113.7">The client's address at sign-in.</param>
/// <param name="UserAgent">The client's User-Agent at sign-in.</param>
/// <param name="Device" example="Firefox on Linux">The client at sign-in in words.</param>
/// <param name="LastIpAddress" example="203.0.113.7">The client's address at the last use.</param>
/// <param name="LastDevice" example="Firefox on Linux">The client at the last use in words.</param>
/// <param name="Transport">How the client sends the token.</param>
/// <param name="AuthenticationMethods" example="[&quot;pwd&quot;]">How the user authenticated, in the names of RFC 8176.</param>
public sealed record EverybodysSession(
    int UserId,
    string Id,
    bool Current,
    DateTimeOffset CreatedAt,
    DateTimeOffset LastSeenAt,
    DateTimeOffset ExpiresAt,
    string? IpAddress,
    string? UserAgent,
    string? Device,
    string? LastIpAddress,
    string? LastDevice,
    SessionTransport Transport,
    IReadOnlyList<string> AuthenticationMethods)
{
    internal static EverybodysSession From(FoundSession found, Guid? current)
    {
        var row = found.Row;
        return new(
            int.Parse(found.UserId, CultureInfo.InvariantCulture),
            row.Id.ToString(),
            row.Id == current,
            row.CreatedAt,
            row.LastSeenAt,
            row.IdleExpiresAt,
            row.IpAddress,
            row.UserAgent,
            new ClientInfo(row.IpAddress, row.UserAgent).Device,
            row.LastIpAddress ?? row.IpAddress,
            new ClientInfo(row.LastIpAddress, row.LastUserAgent ?? row.UserAgent).Device,
            row.Transport,
            row.AuthenticationMethods);
    }
}
