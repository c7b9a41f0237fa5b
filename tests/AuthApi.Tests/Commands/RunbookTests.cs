using System.Diagnostics;
using System.Text.RegularExpressions;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;

namespace AuthApi.Tests.Commands;

/// <summary>Every command of docs/administration.md, in its order, on a running server.</summary>
internal sealed partial class RunbookTests
{
    // What doctor finds of a folder of tests: that mail goes to files.
    private const int Warned = 3;

    private const string OnPostgreSql = "--Database:Provider=PostgreSql";

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
            if (words[0] == "copy-to-postgresql" || words.Contains(OnPostgreSql))
            {
                continue; // StorageCommandsTests, and the other test
            }

            if (command.Groups["program"].Value != "AuthApi")
            {
                Assert.That(await ShellAsync(folder.Path, command.Value[2..]), Is.Zero, command.Value);
                continue;
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

    [Test]
    public async Task The_commands_for_PostgreSQL_are_done_in_their_order()
    {
        var server = await PostgreSqlServer.SharedAsync();
        var (database, restored) = (await server.CreateDatabaseAsync(), await server.CreateDatabaseAsync());
        using var folder = new TemporaryFolder();
        var migrated = await RunningProgram.RunAloneAsync(folder.Path, ["migrate", OnPostgreSql, $"--ConnectionStrings:Auth={server.ConnectionString(database)}"]);
        Assert.That(migrated.ExitCode, Is.Zero, migrated.Error);
        var done = new List<string>();
        foreach (Match command in Commands().Matches(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "administration.md"))))
        {
            // The page's string names no server that there is.
            var words = command.Groups["words"].Value.Split(' ');
            if (words.Contains(OnPostgreSql) && words[0] != "copy-to-postgresql")
            {
                var target = words[0] == "restore" ? restored : database;
                var (exitCode, output, error) = await RunningProgram.RunAloneAsync(
                    folder.Path, [.. words.TakeWhile(word => !word.StartsWith("--ConnectionStrings", StringComparison.Ordinal)), $"--ConnectionStrings:Auth={server.ConnectionString(target)}"]);
                Assert.That((exitCode, error), Is.EqualTo((0, "")), command.Value);
                Assert.That(output, Is.Not.Empty);
                done.Add(words[0]);
            }
        }

        Assert.That(done, Is.EqualTo(new[] { "backup", "restore" }));
    }

    private static async Task<int> ShellAsync(string folder, string command)
    {
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { WorkingDirectory = folder })!;
        await shell.WaitForExitAsync();
        return shell.ExitCode;
    }

    [GeneratedRegex(@"^\$ (?<program>AuthApi|cp) (?<words>.+)$", RegexOptions.Multiline)]
    private static partial Regex Commands();
}
