using System.Reflection;

namespace AuthApi.Sessions.Tests;

internal sealed class AuditEventTests
{
    // What stands in databases and in clients: a line is added for a new event, none is changed.
    private static readonly (string Constant, string Stored, string Api)[] Names =
    [
        (nameof(AuditEvent.SignedIn), "SignedIn", "signed_in"),
        (nameof(AuditEvent.SignInFailed), "SignInFailed", "sign_in_failed"),
        (nameof(AuditEvent.SignedOut), "SignedOut", "signed_out"),
        (nameof(AuditEvent.SessionRevoked), "SessionRevoked", "session_revoked"),
        (nameof(AuditEvent.SessionReplaced), "SessionReplaced", "session_replaced"),
        (nameof(AuditEvent.SessionExpired), "SessionExpired", "session_expired"),
        (nameof(AuditEvent.SessionEvicted), "SessionEvicted", "session_evicted"),
        (nameof(AuditEvent.Reauthenticated), "Reauthenticated", "reauthenticated"),
        (nameof(AuditEvent.ReauthenticationFailed), "ReauthenticationFailed", "reauthentication_failed"),
    ];

    [TestCaseSource(nameof(Names))]
    public void Names_in_the_database_and_the_API_stay((string Constant, string Stored, string Api) name)
    {
        Assert.That(typeof(AuditEvent).GetField(name.Constant)!.GetRawConstantValue(), Is.EqualTo(name.Stored));

        var item = ActivityItem.From(new AuditEntry { At = DateTimeOffset.UnixEpoch, Event = name.Stored, UserId = "1", SessionId = null });
        Assert.That(item.Event, Is.EqualTo(name.Api));
    }

    [Test]
    public void Every_event_has_its_names() => Assert.That(
        typeof(AuditEvent).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.Name),
        Is.EquivalentTo(Names.Select(name => name.Constant)));
}
