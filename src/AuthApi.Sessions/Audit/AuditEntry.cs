namespace AuthApi.Sessions;

/// <summary>One event of an account. It is written in the transaction of what it reports and holds no secret.</summary>
public record AuditEntry
{
    /// <summary>Assigned by the database, in the order of writing.</summary>
    public long Id { get; init; }

    /// <summary>When it happened.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The event, one of <see cref="AuditEvent"/> or of the application's own; at most 64 characters.</summary>
    public required string Event { get; init; }

    /// <summary>The id of the account, where one is known. No foreign key: the entry outlives the account.</summary>
    public required string? UserId { get; init; }

    /// <summary>The public id of the session that the event is about.</summary>
    public required Guid? SessionId { get; init; }

    /// <summary>The public id of the session that caused it, where that was another one.</summary>
    public Guid? BySessionId { get; init; }

    /// <summary>The reason, where the event alone does not say it; at most 64 characters.</summary>
    public string? Reason { get; init; }

    /// <summary>The client's address, where a client caused it.</summary>
    public string? IpAddress { get; init; }

    /// <summary>The client's <c>User-Agent</c>, where a client caused it.</summary>
    public string? UserAgent { get; init; }
}
