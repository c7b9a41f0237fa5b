namespace AuthApi.Audit;

/// <summary>What can happen to an account or a session. The names are stored: a new one is added, none is changed.</summary>
public enum AuditEvent
{
    /// <summary>A session was started.</summary>
    SignedIn,

    /// <summary>A session was ended by its own logout.</summary>
    SignedOut,

    /// <summary>A session was ended because its client logged in again.</summary>
    SessionReplaced,

    /// <summary>A session was ended by time.</summary>
    SessionExpired,
}
