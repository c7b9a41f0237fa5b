using System.ComponentModel.DataAnnotations;
using System.Globalization;
using AuthApi.Api;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Audit;

/// <summary>What happened to your account.</summary>
[ApiController]
[Produces("application/json")]
[ResponseCache(NoStore = true)]
[Tags("Sessions")]
public sealed class ActivityController(AuditTrail trail) : ControllerBase
{
    /// <summary>See what happened to my account</summary>
    /// <remarks>Sign-ins, failed ones, sign-outs, revocations, expiries and renewals, the latest first, in pages.</remarks>
    /// <param name="before">Where the page before ended: its <c>next</c>. Left out for the first page.</param>
    /// <param name="limit" example="20">How many to answer, 1 to 100; 20 when left out.</param>
    /// <response code="200">A page. <c>next</c> is null on the last one.</response>
    [HttpGet("/me/activity/", Name = "activity")]
    [Authorize]
    [ProducesResponseType<ActivityResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<ActivityResponse>> List(
        [FromQuery, RegularExpression("[0-9]{1,18}", ErrorMessage = "This must be the next of a page before.")] string? before,
        [FromQuery, Range(1, 100, ErrorMessage = "This must be between 1 and 100.")] int limit = 20)
    {
        var from = before is null ? long.MaxValue : long.Parse(before, CultureInfo.InvariantCulture);

        // One more than asked for tells whether there is another page.
        var entries = await trail.ListAsync(User.GetUserId(), from, limit + 1);
        var page = entries.Take(limit).Select(ActivityItem.From).ToList();
        return new ActivityResponse(page, entries.Count > limit ? page[^1].Id : null);
    }
}

/// <summary>A page of what happened.</summary>
/// <param name="Items">What happened, the latest first.</param>
/// <param name="Next">The <c>before</c> of the next page; null on the last.</param>
public sealed record ActivityResponse(IReadOnlyList<ActivityItem> Items, string? Next);

/// <summary>One thing that happened.</summary>
/// <param name="Id" example="1234">Its place in the order of things.</param>
/// <param name="At">When.</param>
/// <param name="Event" example="signed_in">What: <c>signed_in</c>, <c>sign_in_failed</c>, <c>signed_out</c>, <c>session_revoked</c>,
/// <c>session_replaced</c>, <c>session_expired</c>, <c>session_evicted</c>, <c>reauthenticated</c>, <c>reauthentication_failed</c>.</param>
/// <param name="SessionId" example="01998c5e-6c1f-7d0a-8a53-2f9c1d4b7e60">The session it happened to.</param>
/// <param name="BySessionId">The session that did it, where that was another one.</param>
/// <param name="Reason" example="logout_others">Why, where the event alone does not say it.</param>
/// <param name="IpAddress" example="203.0.113.7">The address of the client that caused it.</param>
/// <param name="Device" example="Firefox on Linux">That client, in words.</param>
/// <param name="UserAgent">Its User-Agent.</param>
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
        AuditEventNames.ToApi(entry.Event),
        entry.SessionId,
        entry.BySessionId,
        entry.Reason,
        entry.IpAddress,
        DeviceName.Of(entry.UserAgent),
        entry.UserAgent);
}
