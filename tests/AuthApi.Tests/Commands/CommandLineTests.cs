using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Commands;

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

    [TestCase("AuthApi does not know the command 'migarte'; did you mean migrate? See AuthApi --help.", "migarte")]
    [TestCase("AuthApi migrate does not understand this: Unrecognized command or argument '--chekc'; did you mean --check? See AuthApi migrate --help.", "migrate", "--chekc")]
    [TestCase("AuthApi create-admin does not understand this: Required argument missing for command: 'create-admin'; see AuthApi create-admin --help.", "create-admin")]
    [TestCase("AuthApi create-admin does not understand this: Unrecognized command or argument 'correct horse'; see AuthApi create-admin --help.", "create-admin", "ada@example.com", "correct horse")]
    public async Task A_typo_is_answered_with_the_right_word(string expected, params string[] arguments)
    {
        var (exitCode, output, error) = await ProgramInProcess.RunAloneAsync(arguments);

        Assert.That((exitCode, output, error.TrimEnd()), Is.EqualTo((2, "", expected)));
    }

    [Test]
    public async Task Every_command_has_help_with_an_example_and_exit_codes()
    {
        var (_, usage, _) = await ProgramInProcess.RunAloneAsync("--help");
        var commands = usage.Split('\n').SkipWhile(line => line != "Commands:").Skip(1).TakeWhile(line => line.Length > 0).Select(line => line.Trim().Split(' ')[0]).ToList();
        Assert.That(commands, Does.Contain("migrate").And.Contain("create-admin").And.Contain("copy-to-postgresql"));

        foreach (var command in commands)
        {
            var (exitCode, output, error) = await ProgramInProcess.RunAloneAsync(command, "--help");

            Assert.That((exitCode, error), Is.EqualTo((0, "")));
            Assert.That(output, Does.Contain("Usage:").And.Match($"Example:\n  AuthApi {command}|Commands:").And.Match("Exit codes:|Commands:"), command);
        }
    }
}
