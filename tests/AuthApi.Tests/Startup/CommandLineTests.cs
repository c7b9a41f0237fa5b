using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Startup;

/// <summary>What the program says when it is asked, before it touches anything.</summary>
internal sealed class CommandLineTests
{
    private readonly TemporaryFolder _folder = new();

    [TearDown]
    public void NothingIsTouched() => Assert.That(Directory.GetFileSystemEntries(_folder.Path), Is.Empty);

    [OneTimeTearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase("--help")]
    [TestCase("-h")]
    [TestCase("--Database:Provider=Oracle", "--help")]
    public async Task Help_says_how_to_use_it(params string[] arguments)
    {
        var (exitCode, output, error) = await RunningProgram.RunAloneAsync(_folder.Path, arguments);

        Assert.That(exitCode, Is.Zero, error);
        Assert.That(error, Is.Empty);
        Assert.That(output, Does.StartWith("AuthApi: ").And.Contain("Usage:").And.Contain("--Urls=").And.Contain("docs/configuration.md"));
    }

    [Test]
    public async Task Version_prints_the_version()
    {
        var (exitCode, output, _) = await RunningProgram.RunAloneAsync(_folder.Path, "--version");

        Assert.That(exitCode, Is.Zero);
        Assert.That(output.Trim(), Does.Match(@"^AuthApi \d+\.\d+\.\d+"));
    }

    [Test]
    public async Task An_unknown_command_does_not_start()
    {
        var (exitCode, output, error) = await RunningProgram.RunAloneAsync(_folder.Path, "frobnicate", "--urls=http://127.0.0.1:0");

        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(output, Is.Empty);
        Assert.That(error.TrimEnd(), Is.EqualTo("AuthApi does not know the command 'frobnicate'; see AuthApi --help."));
    }
}
