using System.Text.RegularExpressions;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;

namespace AuthApi.Tests.Administration;

/// <summary>Every command of docs/administration.md, in its order, on a running server.</summary>
internal sealed partial class RunbookTests
{
    // What doctor finds of a folder of tests: that mail goes to files.
    private const int Warned = 3;

    [Test]
    public async Task Every_command_of_the_page_is_understood_and_done()
    {
        using var folder = new TemporaryFolder();
        await using var program = await RunningProgram.StartAsync(folder.Path);
        using var ada = program.NewBrowser();
        string[] settings =
        [
            "--applicationName=AuthApi", "--environment=Development", "--hostBuilder:reloadConfigOnChange=false",
            $"--ConnectionStrings:Auth=Data Source={Path.Combine(folder.Path, "data", "auth.db")}",
        ];
        var isStopped = false;
        var count = 0;
        foreach (Match command in Commands().Matches(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "administration.md"))))
        {
            var words = command.Groups["words"].Value.Split('<')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words[0] == "copy-to-postgresql")
            {
                continue; // StorageCommandsTests
            }

            if (words[0] == "restore" && !isStopped)
            {
                await program.TerminateAsync();
                await program.Ended;
                isStopped = true;
            }

            // In a process of its own where it reads standard input, or writes beside where it was started.
            var (exitCode, output, error) = words[0] is "create-admin" or "backup" or "restore"
                ? await RunningProgram.RunWithInputAsync(folder.Path, Browser.Password, words)
                : await ProgramInProcess.RunAloneAsync([.. words, .. settings]);
            Assert.That((exitCode, error), Is.EqualTo((words[0] == "doctor" ? Warned : 0, "")), command.Value);
            Assert.That(output, Is.Not.Empty, command.Value);
            if (count++ == 3)
            {
                await ada.RegisterAsync();
            }
        }

        Assert.That((isStopped, count), Is.EqualTo((true, count)));
        Assert.That(count, Is.GreaterThan(25));
    }

    [GeneratedRegex(@"^\$ AuthApi (?<words>.+)$", RegexOptions.Multiline)]
    private static partial Regex Commands();
}
