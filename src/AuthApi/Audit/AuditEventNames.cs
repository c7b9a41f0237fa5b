using System.Collections.Frozen;

namespace AuthApi.Audit;

/// <summary>
/// The names of an <see cref="AuditEvent"/> in the database and in the API. They are written out, as both outlive the names in the code: a member may be renamed,
/// these may not.
/// </summary>
internal static class AuditEventNames
{
    private static readonly (AuditEvent Event, string Stored, string Api)[] All =
    [
        (AuditEvent.SignedIn, "SignedIn", "signed_in"),
        (AuditEvent.SignInFailed, "SignInFailed", "sign_in_failed"),
        (AuditEvent.SignedOut, "SignedOut", "signed_out"),
        (AuditEvent.SessionRevoked, "SessionRevoked", "session_revoked"),
        (AuditEvent.SessionReplaced, "SessionReplaced", "session_replaced"),
        (AuditEvent.SessionExpired, "SessionExpired", "session_expired"),
        (AuditEvent.SessionEvicted, "SessionEvicted", "session_evicted"),
        (AuditEvent.Reauthenticated, "Reauthenticated", "reauthenticated"),
        (AuditEvent.ReauthenticationFailed, "ReauthenticationFailed", "reauthentication_failed"),
    ];

    private static readonly FrozenDictionary<AuditEvent, string> Stored = All.ToFrozenDictionary(names => names.Event, names => names.Stored);
    private static readonly FrozenDictionary<AuditEvent, string> Api = All.ToFrozenDictionary(names => names.Event, names => names.Api);
    private static readonly FrozenDictionary<string, AuditEvent> Events =
        All.ToFrozenDictionary(names => names.Stored, names => names.Event, StringComparer.Ordinal);

    /// <summary>The value in the column <c>Event</c>.</summary>
    public static string ToStored(AuditEvent what) => Stored[what];

    /// <summary>The event of a value in the column <c>Event</c>.</summary>
    public static AuditEvent FromStored(string stored) => Events[stored];

    /// <summary>The word in an answer of the API.</summary>
    public static string ToApi(AuditEvent what) => Api[what];
}
