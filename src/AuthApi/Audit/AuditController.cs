using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;

namespace AuthApi.Audit;

/// <summary>Everybody's events.</summary>
[ApiController]
[Authorize(Roles = AccountRoles.Admin)]
[Produces("application/json")]
[ProducesProblem(StatusCodes.Status403Forbidden, AdministrationCalls.Forbidden)]
[Tags(AdministrationCalls.Tag)]
public sealed class AuditController(IServiceProvider services) : ControllerBase
{
    private const string NotAnId = "This must be the next of the previous page.";

    /// <summary>See everybody's events</summary>
    /// <remarks>
    /// The latest first, in pages by <c>before</c>; or by <c>after</c>, the earliest first, for another system that follows them: it begins with <c>after=0</c>, keeps
    /// <c>next</c>, and asks again with it, now or later. It misses none and gets none twice. A page may have fewer items than asked for, and still a next one.
    /// </remarks>
    /// <param name="userId" example="42">Those of this account.</param>
    /// <param name="event" example="sign_in_failed">Those of this kind.</param>
    /// <param name="from">Those at this time or later.</param>
    /// <param name="to">Those before this time.</param>
    /// <param name="before">The <c>next</c> of the previous page; nothing for the first page.</param>
    /// <param name="after">The <c>next</c> of the previous page in the other order; 0 for the first page.</param>
    /// <param name="limit" example="20">The maximum number of items, 1 to 100.</param>
    /// <response code="200">A page of events. With <c>before</c>, <c>next</c> is null on the last page; with <c>after</c> there is always one.</response>
    [HttpGet("/admin/audit/", Name = "audit")]
    [RecordRead(AdministrationEvent.EventsRead)]
    [ProducesResponseType<AuditResponse>(StatusCodes.Status200OK)]
    public async Task<ActionResult<AuditResponse>> List(
        [FromQuery] int? userId,
        [FromQuery, RegularExpression("^[a-z_]{1,64}$", ErrorMessage = "This must be the name of an event, such as signed_in.")] string? @event,
        [FromQuery] DateTimeOffset? from,
        [FromQuery] DateTimeOffset? to,
        [FromQuery, RegularExpression("^[0-9]{1,18}$", ErrorMessage = NotAnId)] string? before,
        [FromQuery, RegularExpression("^[0-9]{1,18}$", ErrorMessage = NotAnId)] string? after,
        [FromQuery, Range(1, 100, ErrorMessage = "This must be between 1 and 100.")] int limit = 20)
    {
        if (before is not null && after is not null)
        {
            return ProblemResult.Invalid(nameof(after), "This and before exclude each other.");
        }

        var list = services.GetRequiredService<AuditList>();
        var filter = new AuditFilter(userId, @event is null ? null : StoredName(@event), from, to);
        if (after is not null)
        {
            var following = await list.ReadAfterAsync(filter, long.Parse(after, CultureInfo.InvariantCulture), limit);
            return new AuditResponse(following.Items, following.Next.ToString(CultureInfo.InvariantCulture));
        }

        var page = await list.ReadBeforeAsync(filter, before is null ? null : long.Parse(before, CultureInfo.InvariantCulture), limit);
        return new AuditResponse(page.Items, page.Next?.ToString(CultureInfo.InvariantCulture));
    }

    // signed_in is stored as SignedIn.
    private static string StoredName(string name) =>
        string.Concat(name.Split('_', StringSplitOptions.RemoveEmptyEntries).Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
}

/// <summary>A page of everybody's events.</summary>
/// <param name="Items">The events.</param>
/// <param name="Next">What the next page is asked for with.</param>
public sealed record AuditResponse(IReadOnlyList<AuditItem> Items, string? Next);

/// <summary>An event, with the account it is about and who caused it.</summary>
/// <param name="Id" example="1234">The number of the event.</param>
/// <param name="At">When it happened.</param>
/// <param name="Event" example="account_disabled">The kind.</param>
/// <param name="UserId" example="42">The account.</param>
/// <param name="ByUserId" example="1">The administrator who did it, where one did.</param>
/// <param name="SessionId">The session that the event is about.</param>
/// <param name="BySessionId">The session that caused it, where that is another one.</param>
/// <param name="Reason">The reason, where the kind alone does not say it.</param>
/// <param name="IpAddress" example="203.0.113.7">The address of the client.</param>
/// <param name="Device" example="Firefox on Linux">The client in words, from its User-Agent.</param>
/// <param name="UserAgent">The client's User-Agent.</param>
public sealed record AuditItem(
    string Id,
    DateTimeOffset At,
    string Event,
    int? UserId,
    int? ByUserId,
    Guid? SessionId,
    Guid? BySessionId,
    string? Reason,
    string? IpAddress,
    string? Device,
    string? UserAgent)
{
    internal static AuditItem From(AuditRow row)
    {
        var entry = row.Entry;
        return new(
            entry.Id.ToString(CultureInfo.InvariantCulture),
            entry.At,
            JsonNamingPolicy.SnakeCaseLower.ConvertName(entry.Event),
            row.UserId,
            row.ByUserId,
            entry.SessionId,
            entry.BySessionId,
            entry.Reason,
            entry.IpAddress,
            new ClientInfo(entry.IpAddress, entry.UserAgent).Device,
            entry.UserAgent);
    }
}
