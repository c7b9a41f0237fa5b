namespace AuthApi.Audit;

/// <summary>What can happen to an account or a session. Its names in the database and the API stand in <see cref="AuditEventNames"/>.</summary>
public enum AuditEvent
{
    /// <summary>A session was started.</summary>
    SignedIn,

    /// <summary>Somebody tried to log in and could not.</summary>
    SignInFailed,

    /// <summary>A session was ended by its own logout.</summary>
    SignedOut,

    /// <summary>A session was ended by its owner from another one.</summary>
    SessionRevoked,

    /// <summary>A session was ended because its client logged in again.</summary>
    SessionReplaced,

    /// <summary>A session was ended by time.</summary>
    SessionExpired,

    /// <summary>A session was ended to make room for a new one.</summary>
    SessionEvicted,

    /// <summary>The user proved again who they are, and the session's token was renewed.</summary>
    Reauthenticated,

    /// <summary>Somebody with a live session tried to prove that they are its user, and could not.</summary>
    ReauthenticationFailed,
}
