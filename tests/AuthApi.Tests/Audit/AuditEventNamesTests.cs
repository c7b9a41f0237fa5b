using AuthApi.Audit;

namespace AuthApi.Tests.Audit;

internal sealed class AuditEventNamesTests
{
    // What stands in databases and in clients: a line is added for a new event, none is changed.
    [TestCase(AuditEvent.SignedIn, "SignedIn", "signed_in")]
    [TestCase(AuditEvent.SignInFailed, "SignInFailed", "sign_in_failed")]
    [TestCase(AuditEvent.SignedOut, "SignedOut", "signed_out")]
    [TestCase(AuditEvent.SessionRevoked, "SessionRevoked", "session_revoked")]
    [TestCase(AuditEvent.SessionReplaced, "SessionReplaced", "session_replaced")]
    [TestCase(AuditEvent.SessionExpired, "SessionExpired", "session_expired")]
    [TestCase(AuditEvent.SessionEvicted, "SessionEvicted", "session_evicted")]
    [TestCase(AuditEvent.Reauthenticated, "Reauthenticated", "reauthenticated")]
    [TestCase(AuditEvent.ReauthenticationFailed, "ReauthenticationFailed", "reauthentication_failed")]
    public void Names_in_the_database_and_the_API_stay(AuditEvent what, string stored, string api)
    {
        Assert.That(AuditEventNames.ToStored(what), Is.EqualTo(stored));
        Assert.That(AuditEventNames.FromStored(stored), Is.EqualTo(what));
        Assert.That(AuditEventNames.ToApi(what), Is.EqualTo(api));
    }

    [Test]
    public void Every_event_has_its_names()
    {
        foreach (var what in Enum.GetValues<AuditEvent>())
        {
            Assert.That(AuditEventNames.ToStored(what), Is.Not.Empty);
            Assert.That(AuditEventNames.ToApi(what), Is.Not.Empty);
        }
    }
}
