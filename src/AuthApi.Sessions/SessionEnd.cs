namespace AuthApi.Sessions;

/// <summary>Why sessions end, and who ends them. The event of each end says it.</summary>
/// <param name="Event">What happens to the sessions, one of <see cref="AuditEvent"/>.</param>
/// <param name="Client">The client that asked for it, where one did.</param>
/// <param name="BySessionId">The session that asked for it, where one did.</param>
/// <param name="Reason">Why, where the event alone does not say it; at most 64 characters.</param>
public sealed record SessionEnd(string Event, ClientInfo Client = default, Guid? BySessionId = null, string? Reason = null)
{
    /// <summary>The event of one session's end. A session that ends itself has signed out, whatever happens to others with it.</summary>
    /// <param name="userId">The user's id.</param>
    /// <param name="sessionId">The session that ends.</param>
    /// <param name="at">When.</param>
    public AuditEntry EntryFor(string userId, Guid sessionId, DateTimeOffset at) => new()
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
/// <param name="UserId">The user's id.</param>
/// <param name="SessionId">The session's public id.</param>
/// <param name="TokenHash">The hash of the token that it had when it ended.</param>
/// <param name="Event">How it ended, one of <see cref="AuditEvent"/>.</param>
/// <param name="Reason">Why, where the event alone does not say it.</param>
public sealed record EndedSession(string UserId, Guid SessionId, TokenHash TokenHash, string Event, string? Reason);
