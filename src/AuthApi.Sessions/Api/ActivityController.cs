using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Sessions;

/// <summary>What happened to your account.</summary>
[ApiController]
[Produces("application/json")]
[ResponseCache(NoStore = true)]
[Tags("Sessions")]
internal sealed class ActivityController(IUserSessionStore store) : ControllerBase
{
    /// <summary>See what happened to my account</summary>
    /// <remarks>Sign-ins, failures, sign-outs, revocations, expiries and renewals, the latest first, in pages.</remarks>
    /// <param name="before">The <c>next</c> of the previous page; nothing for the first page.</param>
    /// <param name="limit" example="20">The maximum number of items, 1 to 100.</param>
    /// <response code="200">A page of events. <c>next</c> is null on the last page.</response>
    [HttpGet("/me/activity/", Name = "activity")]
    [Authorize(AuthenticationSchemes = SessionControllers.Scheme)]
    [ProducesResponseType<ActivityResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<ActivityResponse>> List(
        [FromQuery, RegularExpression("^[0-9]{1,18}$", ErrorMessage = "This must be the next of the previous page.")] string? before,
        [FromQuery, Range(1, 100, ErrorMessage = "This must be between 1 and 100.")] int limit = 20)
    {
        var from = before is null ? long.MaxValue : long.Parse(before, CultureInfo.InvariantCulture);

        // One more than asked for shows whether there is another page.
        var entries = await store.ListEventsAsync(HttpContext.GetUserSession().Session.UserId, from, limit + 1);
        var page = entries.Take(limit).Select(ActivityItem.From).ToList();
        return new ActivityResponse(page, entries.Count > limit ? page[^1].Id : null);
    }
}

/// <summary>A page of events.</summary>
/// <param name="Items">The events, the latest first.</param>
/// <param name="Next">The <c>before</c> of the next page; null on the last page.</param>
public sealed record ActivityResponse(IReadOnlyList<ActivityItem> Items, string? Next);

/// <summary>An event.</summary>
/// <param name="Id" example="1234">The number of the event; later events have higher ones.</param>
/// <param name="At">When it happened.</param>
/// <param name="Event" example="signed_in">The kind: <c>signed_in</c>, <c>sign_in_failed</c>, <c>signed_out</c>, <c>session_revoked</c>, <c>session_replaced</c>, <c>session_expired</c>, <c>session_evicted</c>, <c>reauthenticated</c>, <c>reauthentication_failed</c>, and those that the application adds, such as <c>password_changed</c>.</param>
/// <param name="SessionId" example="01998c5e-6c1f-7d0a-8a53-2f9c1d4b7e60">The session that the event is about.</param>
/// <param name="BySessionId">The session that caused it, where that is another one.</param>
/// <param name="Reason" example="logout_others">The reason, where the kind alone does not say it.</param>
/// <param name="IpAddress" example="203.0.113.7">The address of the client.</param>
/// <param name="Device" example="Firefox on Linux">The client in words, from its User-Agent.</param>
/// <param name="UserAgent">The client's User-Agent.</param>
public sealed record ActivityItem(
    string Id,
    DateTimeOffset At,
    string Event,
    Guid? SessionId,
    Guid? BySessionId,
    string? Reason,
    string? IpAddress,
    string? Device,
    string? UserAgent)
{
    internal static ActivityItem From(AuditEntry entry) => new(
        entry.Id.ToString(CultureInfo.InvariantCulture),
        entry.At,
        JsonNamingPolicy.SnakeCaseLower.ConvertName(entry.Event),
        entry.SessionId,
        entry.BySessionId,
        entry.Reason,
        entry.IpAddress,
        DeviceName.Of(entry.UserAgent),
        entry.UserAgent);
}
