using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Hosting;

/// <summary>What cannot be served stops the start, with one line that names the key.</summary>
internal sealed class ClearStartTests
{
    private readonly TemporaryFolder _folder = new();

    [OneTimeTearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase("--Database:Provider=Oracle", "Database:Provider")]
    [TestCase("--Sessions:IdleTimeout=soon", "Sessions:IdleTimeout")]
    [TestCase("--Sessions:IdleTimeout=-00:01:00", "Sessions:IdleTimeout")]
    [TestCase("--Sessions:IdleTimeout=13:00:00", "Sessions:IdleTimeout")]
    [TestCase("--Sessions:CacheSize=0", "Sessions:CacheSize")]
    [TestCase("--Passwords:MinimumLength=3", "Passwords:MinimumLength")]
    [TestCase("--Swagger:Enabled=perhaps", "Swagger:Enabled")]
    [TestCase("--ForwardedHeaders:KnownProxies=everybody", "ForwardedHeaders:KnownProxies")]
    [TestCase("--ConnectionStrings:Auth=Data Source=:memory:", "ConnectionStrings:Auth")]
    [TestCase("--ConnectionStrings:Auth=Nonsense=1", "ConnectionStrings:Auth")]
    [TestCase("--ConnectionStrings:Auth=Data Source=/proc/nowhere/auth.db", "ConnectionStrings:Auth")]
    public async Task AValueThatCannotBeServedStopsTheStart(string argument, string key)
    {
        var (exitCode, error) = await RunningProgram.RunToEndAsync(_folder.Path, argument);

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: ").And.Contain(key));
    }

    [Test]
    public async Task ASecondProcessDoesNotServeTheSameFile()
    {
        await using var first = await RunningProgram.StartAsync(_folder.Path);

        var (exitCode, error) = await RunningProgram.RunToEndAsync(_folder.Path);

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(error, Does.Contain("ConnectionStrings:Auth").And.Contain("One process at a time"));
    }
}
