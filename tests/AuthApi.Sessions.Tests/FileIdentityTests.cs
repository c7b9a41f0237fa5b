using AuthApi.Sessions.Sqlite;

namespace AuthApi.Sessions.Tests;

[Platform("Linux")]
internal sealed class FileIdentityTests
{
    [Test]
    public void A_file_keeps_its_identity_and_shares_it_with_none()
    {
        using var folder = new TemporaryFolder();
        var (one, other, missing) = (Path.Combine(folder.Path, "one-ä"), Path.Combine(folder.Path, "other"), Path.Combine(folder.Path, "missing"));
        File.WriteAllText(one, "same");
        File.WriteAllText(other, "same");

        var identity = FileIdentity.Of(new FilePath(one));
        Assert.That(identity, Is.Not.Null);
        Assert.That(identity!.Value.Inode, Is.Not.Zero);
        Assert.That(FileIdentity.Of(new FilePath(other)), Is.Not.EqualTo(identity));
        Assert.That(FileIdentity.Of(new FilePath(missing)), Is.Null);

        File.Move(one, missing);
        File.Move(other, one);
        Assert.That(FileIdentity.Of(new FilePath(missing)), Is.EqualTo(identity));
        Assert.That(FileIdentity.Of(new FilePath(one)), Is.Not.EqualTo(identity));
    }
}
