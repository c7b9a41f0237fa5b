namespace AuthApi.Sessions;

/// <summary>
/// The events of sessions, as they are stored. An application adds events of its own by other names. The API writes them in snake case
/// (<c>signed_in</c>).
/// </summary>
public static class AuditEvent
{
    /// <summary>A session was started.</summary>
    public const string SignedIn = "SignedIn";

    /// <summary>Somebody tried to sign in and could not.</summary>
    public const string SignInFailed = "SignInFailed";

    /// <summary>A session was ended by its own logout.</summary>
    public const string SignedOut = "SignedOut";

    /// <summary>A session was ended by its owner from another one, or by a change of the account.</summary>
    public const string SessionRevoked = "SessionRevoked";

    /// <summary>A session was ended because its client signed in again.</summary>
    public const string SessionReplaced = "SessionReplaced";

    /// <summary>A session was ended by time.</summary>
    public const string SessionExpired = "SessionExpired";

    /// <summary>A session was ended to make room for a new one.</summary>
    public const string SessionEvicted = "SessionEvicted";

    /// <summary>The user proved again who they are, and the session's token was renewed.</summary>
    public const string Reauthenticated = "Reauthenticated";

    /// <summary>Somebody with a live session tried to prove that they are its user, and could not.</summary>
    public const string ReauthenticationFailed = "ReauthenticationFailed";
}
