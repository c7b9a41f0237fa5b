using AuthApi.Api;
using AuthApi.Audit;

namespace AuthApi.Sessions;

/// <summary>Why sessions end, and who ends them. The audit entry of each end says it.</summary>
/// <param name="Event">What happens to the sessions.</param>
/// <param name="Client">The client that asked for it, where one did.</param>
/// <param name="BySessionId">The session that asked for it, where one did.</param>
/// <param name="Reason">Why, where the event alone does not say it.</param>
public sealed record SessionEnd(AuditEvent Event, ClientInfo Client = default, Guid? BySessionId = null, string? Reason = null)
{
    /// <summary>The audit entry of one session's end. A session that ends itself has signed out, whatever happens to others with it.</summary>
    internal AuditEntry EntryFor(int userId, Guid sessionId, DateTimeOffset at) => new()
    {
        At = at,
        Event = sessionId == BySessionId ? AuditEvent.SignedOut : Event,
        UserId = userId,
        SessionId = sessionId,
        BySessionId = sessionId == BySessionId ? null : BySessionId,
        Reason = Reason,
        IpAddress = Client.IpAddress,
        UserAgent = Client.UserAgent,
    };
}

/// <summary>A session that has ended, durably.</summary>
/// <param name="UserId">Its user.</param>
/// <param name="SessionId">Its public id.</param>
/// <param name="TokenHash">The hash of the token that it had when it ended.</param>
/// <param name="Event">How it ended.</param>
/// <param name="Reason">Why, where the event alone does not say it.</param>
public sealed record EndedSession(int UserId, Guid SessionId, TokenHash TokenHash, AuditEvent Event, string? Reason);
