using AuthApi.Commands;
using AuthApi.Sessions.PostgreSql;

namespace AuthApi.Tests.Commands;

/// <summary>What <c>doctor</c> says of the settings of a PostgreSQL server.</summary>
internal sealed class DoctorTests
{
    [TestCase("on", "", true, 0, "warning", "there is no synchronous standby")]
    [TestCase("on", "s1", true, 1, "ok", "1 connected; a logout is on the disk of the primary and of the synchronous standby (s1)")]
    [TestCase("remote_apply", "s1", true, 1, "ok", "survives a failover")]
    [TestCase("on", "s1", true, 0, "error", "no synchronous standby of 's1' is connected: commits wait for it")]
    [TestCase("remote_write", "s1", true, 1, "warning", "synchronous_commit is remote_write")]
    [TestCase("local", "s1", true, 1, "warning", "it waits for no standby (synchronous_commit is local)")]
    [TestCase("off", "s1", true, 1, "error", "the server has synchronous_commit off")]
    [TestCase("on", "s1", false, 1, "error", "fsync is off")]
    public void A_standby_that_is_not_waited_for_is_no_standby(string commit, string standbys, bool syncs, long connected, string status, string message)
    {
        var finding = DoctorCommand.Replication(new ServerState(150_000, "15.4", takesWrites: true, commit, standbys, syncs), connected);

        Assert.That((finding.Name, finding.Status), Is.EqualTo(("replication", status)));
        Assert.That(finding.Message, Does.Contain(message));
    }
}
