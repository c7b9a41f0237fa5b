using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AuthApi.Audit;
using AuthApi.Commands;
using AuthApi.Passwords;
using AuthApi.Startup;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Moq;

namespace AuthApi.Tests.Commands;

/// <summary>
/// The commands of administrators, beside a running server: as processes of their own on SQLite, where they reach the server by its socket. What is refused before that, and the same story on
/// PostgreSQL, runs in this process.
/// </summary>
[Platform(Exclude = "Win")]
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
internal sealed class CommandsTests
{
    private TemporaryFolder _folder = null!;
    private string[] _settings = [];
    private bool _isInProcess;

    private string DatabaseFile => Path.Combine(_folder.Path, "data", "auth.db");

    [SetUp]
    public void SetUp() => (_folder, _settings, _isInProcess) = (new TemporaryFolder(), [], false);

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase(TestedStore.Sqlite)]
    [TestCase(TestedStore.PostgreSql)]
    public async Task What_a_command_ends_is_final_in_the_running_server(TestedStore store)
    {
        (_isInProcess, _settings) = (store == TestedStore.PostgreSql, await store.SettingsAsync());

        await using var program = await RunningProgram.StartAsync(_folder.Path, _settings);
        Assert.That((await RunAsync(Browser.Password, "create-admin", "root@example.com")).ExitCode, Is.Zero);
        using var root = program.NewBrowser();
        using var ada = program.NewBrowser();
        using var phone = program.NewBrowser();
        await root.LogInAsync("root@example.com");
        await ada.RegisterAsync();
        await ada.LogInAsync();
        await phone.LogInAsync();
        Assert.That((await ada.MeAsync(), await phone.MeAsync()), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)), "cached");

        // Nothing without --yes.
        var listed = await JsonAsync("sessions", "list", "--user", "ada@example.com", "--json");
        Assert.That((int?)listed["total"], Is.EqualTo(2));
        var asked = await RunAsync("", "sessions", "revoke", "--user", "2");
        Assert.That((asked.ExitCode, asked.Output), Is.EqualTo((1, "")));
        Assert.That(asked.Error, Does.Contain("2 sessions will be ended. Nothing was changed: add --yes"));
        Assert.That((await RunAsync("", "sessions", "revoke", "--yes")).Error, Does.Contain("say which sessions"));
        Assert.That((await RunAsync("", "sessions", "revoke", "--all", "--user", "2", "--yes")).Error, Does.Contain("exclude each other"));
        Assert.That((await RunAsync("", "sessions", "revoke", "--ip-address", "", "--yes")).ExitCode, Is.EqualTo(1), "an empty variable of a script is no filter for everybody");
        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        Assert.That((int?)(await JsonAsync("sessions", "revoke", "--user", "2", "--yes", "--json"))["endedSessions"], Is.EqualTo(2));
        Assert.That((await ada.MeAsync(), await phone.MeAsync(), await root.MeAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.OK)));

        // A role by command, in the next request; and an account that is disabled.
        await ada.LogInAsync();
        using var before = await ada.GetAsync("/admin/users/");
        Assert.That(before.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden));
        using var renamed = await ada.SendAsync(HttpMethod.Patch, "/me/", JsonContent.Create(new { userName = "999" }));
        Assert.That(renamed.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await DoneAsync("roles", "grant", "ada@example.com", "Admin", "--yes");
        await ada.GetJsonAsync("/admin/users/");
        await DoneAsync("users", "disable", "2", "--yes");
        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await RunAsync("", "users", "disable", "root@example.com", "--yes")).Error, Does.Contain("last_administrator"));
        Assert.That((await RunAsync("", "users", "disable", "999", "--yes")).Error, Does.Contain("there is no account with the id 999."), "it is a user name");
        Assert.That((await RunAsync("", "users", "show", "nobody@example.com")).Error, Does.Contain("'nobody@example.com'"));
        Assert.That((await JsonAsync("users", "list", "--search", "ada", "--json")).Each<int>("id"), Is.EqualTo(new[] { 2 }));
        Assert.That((await RunAsync("", "users", "list", "--after", "forged")).Error, Does.Contain("--after"));

        // Who did it shows.
        var events = (await root.GetJsonAsync("/admin/audit/?event=account_disabled"))["items"]!.AsArray();
        Assert.That(((int?)events.Single()!["userId"], (int?)events.Single()!["byUserId"], (string?)events.Single()!["userAgent"]), Is.EqualTo((2, (int?)null, "AuthApi command line")));
        var read = (await root.GetJsonAsync("/admin/audit/?event=sessions_read"))["items"]!.AsArray();
        Assert.That(read.Select(item => ((string?)item!["reason"], (string?)item["userAgent"])), Is.EqualTo(new[] { ("2", "AuthApi command line") }), "sessions list");

        Assert.That((int?)(await JsonAsync("sessions", "revoke", "--all", "--yes", "--json"))["endedSessions"], Is.EqualTo(1));
        Assert.That(await root.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));

        // A socket that a killed server has left is none.
        await program.KillAsync();
        Assert.That((await JsonAsync("users", "list", "--json")).Each<int>("id"), Is.EqualTo(new[] { 1, 2 }));
    }

    [Test]
    public async Task A_prompt_is_answered_at_a_terminal()
    {
        if (!File.Exists("/usr/bin/script"))
        {
            Needs.Missing("script (Debian's bsdutils), which makes a terminal");
        }

        // The server runs the command, and the person sits at the client.
        await using var program = await RunningProgram.StartAsync(_folder.Path);
        using var ada = program.NewBrowser();
        await ada.RegisterAsync();
        await ada.LogInAsync();
        var (exitCode, shown) = await AnswerAsync("n", "sessions revoke --all");
        Assert.That((exitCode, await ada.MeAsync()), Is.EqualTo((1, HttpStatusCode.OK)), shown);
        Assert.That(shown, Does.Contain("1 session of everybody will be ended. Go on? [y/N]").And.Contain("Nothing was changed."));
        (exitCode, shown) = await AnswerAsync("y", "sessions revoke --all");
        Assert.That((exitCode, await ada.MeAsync()), Is.EqualTo((0, HttpStatusCode.Unauthorized)), shown);
        Assert.That(shown, Does.Contain("1 sessions have ended."));
    }

    [Test]
    public async Task Others_write_while_a_command_waits_to_hash()
    {
        await using var application = new AuthApiApplication();
        using var ada = await application.NewLoggedInBrowserAsync();
        await application.WaitForWarmUpAsync();
        var (limiter, end) = (application.Services.GetRequiredService<PasswordHashLimiter>(), new TaskCompletionSource<int>());
        var held = Enumerable.Range(0, PasswordHashLimiter.Width).Select(_ => limiter.RunAsync(() => end.Task.GetAwaiter().GetResult())).ToList();
        var console = new Mock<CommandConsole>();
        console.Setup(asked => asked.AskAsync(It.IsAny<string>(), true)).ReturnsAsync(Browser.Password);
        var command = RunInServerAsync(application, console.Object, CancellationToken.None, "create-admin", "root@example.com");
        Assert.That(() => limiter.Waiting, Is.EqualTo(1).After(10_000, 20));

        using var logout = await ada.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        end.SetResult(0);
        await Task.WhenAll(held);
        Assert.That(await command, Is.Zero);
    }

    [Test]
    public async Task A_server_out_of_file_handles_takes_commands_later()
    {
        if (!File.Exists("/usr/bin/prlimit"))
        {
            Needs.Missing("prlimit (util-linux)");
        }

        // The compiler of the runtime opens files for what it makes executable: what is needed below has run before.
        var launch = new Launch(Environment: new Dictionary<string, string> { ["DOTNET_EnableWriteXorExecute"] = "0" });
        await using var program = await RunningProgram.StartAsync(_folder.Path, launch);
        await DoneAsync("users", "list");
        await LimitAsync("--nofile=8:");
        var command = RunAsync("", "users", "list");
        Assert.That(() => program.Output, Has.Some.Contains("could not be accepted").After(30_000, 20));
        await LimitAsync("--nofile=1024:");
        Assert.That((await command).ExitCode, Is.Zero);

        async Task LimitAsync(string limit)
        {
            using var process = Process.Start("/usr/bin/prlimit", [$"--pid={program.Id}", limit]);
            await process.WaitForExitAsync();
            Assert.That(process.ExitCode, Is.Zero);
        }
    }

    [Test]
    public async Task Who_stops_a_command_hears_that_the_server_goes_on()
    {
        var store = new GatedStore();
        await using var application = new AuthApiApplication(store.Wrap);
        using var ada = await application.NewLoggedInBrowserAsync();
        var client = application.Services.GetRequiredService<ControlClient>();

        // At the prompt nothing has begun.
        using var early = new CancellationTokenSource();
        var console = new Mock<CommandConsole>();
        console.SetupGet(asked => asked.IsInteractive).Returns(true);
        console.Setup(asked => asked.AskAsync(It.IsAny<string>(), false)).Callback(early.Cancel).ReturnsAsync("y");
        var stopped = await Assert.ThrowsAsync<CommandException>(() => client.TryRunAsync(["sessions", "revoke", "--all"], console.Object, early.Token));
        Assert.That(stopped!.Message, Does.EndWith("Nothing was changed."));
        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        using var late = new CancellationTokenSource();
        store.BeforeEnd.Close();
        var command = client.TryRunAsync(["sessions", "revoke", "--all", "--yes"], console.Object, late.Token);
        await store.BeforeEnd.Reached;
        await late.CancelAsync();
        stopped = await Assert.ThrowsAsync<CommandException>(() => command);
        Assert.That(stopped!.Message, Does.Contain("the server goes on"));
        store.BeforeEnd.Open();
        Assert.That(() => ada.MeAsync().Result, Is.EqualTo(HttpStatusCode.Unauthorized).After(10_000, 20));
    }

    [Test]
    public async Task A_revocation_that_is_stopped_records_what_has_ended()
    {
        var store = new GatedStore();
        await using var application = new AuthApiApplication(store.Wrap);
        using var ada = await application.NewLoggedInBrowserAsync();
        using var stop = new CancellationTokenSource();
        var console = new Mock<CommandConsole>();
        store.BeforeEnd.Close();
        var command = RunInServerAsync(application, console.Object, stop.Token, "sessions", "revoke", "--user", "1", "--yes");
        await store.BeforeEnd.Reached;
        await stop.CancelAsync();
        store.BeforeEnd.Open();

        Assert.That((await command, await ada.MeAsync()), Is.EqualTo((CommandExit.Failed, HttpStatusCode.Unauthorized)));
        console.Verify(shown => shown.WriteErrorAsync(It.Is<string>(line => line.Contains("1 sessions have ended, and stay ended", StringComparison.Ordinal))));
        Assert.That(await application.EventsAsync(1), Does.Contain(AdministrationEvent.SessionsEnded));
    }

    [Test]
    public async Task A_server_that_ends_lets_a_command_say_what_it_did()
    {
        var store = new GatedStore();
        await using var application = new AuthApiApplication(store.Wrap);
        using var ada = await application.NewLoggedInBrowserAsync();
        var console = new Mock<CommandConsole>();
        store.BeforeEnd.Close();
        var command = application.Services.GetRequiredService<ControlClient>().TryRunAsync(["sessions", "revoke", "--user", "1", "--yes"], console.Object, CancellationToken.None);
        await store.BeforeEnd.Reached;

        var stop = application.Services.GetServices<IHostedService>().OfType<ControlSocket>().Single().StopAsync(CancellationToken.None);
        Assert.That(stop.IsCompleted, Is.False);
        store.BeforeEnd.Open();
        await stop;

        Assert.That(await application.EventsAsync(1), Does.Contain(AdministrationEvent.SessionsEnded));
        Assert.That(await command, Is.EqualTo(CommandExit.Failed));
        console.Verify(shown => shown.WriteErrorAsync(It.Is<string>(line => line.Contains("1 sessions have ended, and stay ended", StringComparison.Ordinal))));
    }

    [Test]
    public async Task A_database_user_without_rights_is_named()
    {
        var server = await PostgreSqlServer.SharedAsync();
        await using var application = new AuthApiApplication(store: TestedStore.PostgreSql);
        using var ada = await application.NewLoggedInBrowserAsync();
        var database = application.Services.GetRequiredService<PostgreSqlStorage>().Database;
        _isInProcess = true;
        var role = $"{database}_reads"; // of its own: the next test that gets this database may make one too
        await server.ExecuteAsync(database, $"""CREATE ROLE "{role}" LOGIN PASSWORD 'weak'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{role}" """);
        _settings = ["--Database:Provider=PostgreSql", $"--ConnectionStrings:Auth={server.ConnectionString(database, role, "weak")}"];

        foreach (var command in new[] { new[] { "users", "disable", "1", "--yes" }, ["sessions", "revoke", "--all", "--yes"], ["create-admin", "root@example.com"] })
        {
            var (exitCode, output, error) = await RunAsync(command[0] == "create-admin" ? Browser.Password : "", command);
            Assert.That((exitCode, output), Is.EqualTo((1, "")), error);
            Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), error);
            Assert.That(error, Does.StartWith($"AuthApi {command[0]}").And.Contain("may not").Or.Contain("permission denied"));
        }

        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        await server.ExecuteAsync(database, $"DROP OWNED BY \"{role}\"");
    }

    [Test]
    public async Task A_backup_is_one_state_and_a_restore_revives_no_session()
    {
        var backup = Path.Combine(_folder.Path, "backup.db");
        string token;
        await using (var program = await RunningProgram.StartAsync(_folder.Path))
        {
            using var ada = program.NewBrowser();
            await ada.RegisterAsync();
            await ada.LogInAsync();
            token = ada.Token;
            using var app = await ada.PostAsync("/two-factor/setup/");
            Assert.That(app.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That((string?)(await JsonAsync("backup", backup, "--json"))["keys"], Is.EqualTo(Path.Combine(_folder.Path, "data", "keys")));
            using var left = await ada.LogOutAsync();

            Assert.That((await RefusedAsync("backup", backup)).Error, Does.Contain("cannot be made"), "it is there already");
            Assert.That((await RefusedAsync("restore", backup, "--yes")).Error, Does.Contain("another process serves"));
            await program.TerminateAsync();
            await program.Ended;
        }

        Assert.That(File.GetUnixFileMode(backup), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.That((await RunAsync("", "restore", backup)).Error, Does.Contain("1 sessions are ended. Nothing was changed: add --yes"));
        Assert.That((await RefusedAsync("restore", "nowhere.db", "--yes")).Error, Does.Contain("nowhere.db is not there"));
        var novel = Path.Combine(_folder.Path, "novel.txt");
        await File.WriteAllTextAsync(novel, new string('x', 8_192));
        Assert.That((await RefusedAsync("restore", novel, "--yes")).Error, Does.Contain("not a database"));

        // To another machine, without the keys.
        Directory.CreateDirectory(Path.Combine(_folder.Path, "moved"));
        var moved = await JsonAsync("restore", backup, "--yes", "--json", $"--ConnectionStrings:Auth=Data Source={Path.Combine(_folder.Path, "moved", "auth.db")}");
        Assert.That((moved["missingKeys"]!.AsArray().Count, (string?)moved["previous"]), Is.EqualTo((1, (string?)null)));

        var restored = await JsonAsync("restore", backup, "--yes", "--json");
        Assert.That(((int?)restored["endedSessions"], restored["missingKeys"]!.AsArray().Count), Is.EqualTo((1, 0)));
        Assert.That(File.Exists((string?)restored["previous"]), Is.True);

        await using var again = await RunningProgram.StartAsync(_folder.Path);
        using var thief = again.NewBrowser();
        thief.Cookies["session"] = token;
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        await thief.LogInAsync();
    }

    [Test]
    public async Task A_newer_file_or_a_full_disk_changes_nothing()
    {
        MigratedDatabase.CopyTo(DatabaseFile);
        var backup = Path.Combine(_folder.Path, "backup.db");

        // No file of this process may be longer than 128 KB.
        var full = new ProcessStartInfo("bash", ["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "bash", "dotnet", await PublishedProgram.FileAsync(), "backup", backup])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        full.Environment["DOTNET_EnableWriteXorExecute"] = "0"; // which takes a long file in memory
        using (var process = Process.Start(full)!)
        {
            var error = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.That(process.ExitCode, Is.EqualTo(1), error);
            Assert.That(error, Does.StartWith("AuthApi backup: ").And.Contain("could not be copied"));
            Assert.That(File.Exists(backup), Is.False, "no half copy");
        }

        await DoneAsync("backup", backup);
        await using (var connection = new SqliteConnection($"Data Source={backup};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = new SqliteCommand("INSERT INTO __EFMigrationsHistory VALUES ('29990101000000_FromTheFuture', '99.0')", connection);
            await command.ExecuteNonQueryAsync();
        }

        Assert.That((await RefusedAsync("restore", backup, "--yes")).Error, Does.Contain("newer version, with the migration 29990101000000_FromTheFuture"));
        File.Copy(backup, DatabaseFile, overwrite: true);
        Assert.That((await RefusedAsync("users", "list")).Error, Does.Contain("29990101000000_FromTheFuture"));
        Assert.That((await RunAsync("", "sessions", "revoke", "--all", "--yes")).ExitCode, Is.EqualTo(1));
    }

    [Test]
    public async Task Another_user_of_the_machine_reaches_no_server()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("Only root can run a command as another user.");
        }

        await using var program = await RunningProgram.StartAsync(_folder.Path);
        using var ada = program.NewBrowser();
        await ada.RegisterAsync();
        await ada.LogInAsync();

        // Even where folder and socket are open to everybody, the server looks who is there.
        File.SetUnixFileMode(_folder.Path, (UnixFileMode)0b111_111_111);
        File.SetUnixFileMode(Path.Combine(_folder.Path, "data"), (UnixFileMode)0b111_111_111);
        foreach (var (mode, reason) in new[] { (0b110_000_000, "Permission denied"), (0b110_110_110, "is another user's") })
        {
            File.SetUnixFileMode($"{DatabaseFile}.control", (UnixFileMode)mode);
            var start = new ProcessStartInfo("setpriv", ["--reuid=nobody", "--clear-groups", "dotnet", await PublishedProgram.FileAsync(), "sessions", "revoke", "--all", "--yes"])
            {
                WorkingDirectory = _folder.Path,
                RedirectStandardError = true,
            };
            start.Environment["DOTNET_CLI_HOME"] = start.Environment["HOME"] = _folder.Path;
            using var process = Process.Start(start)!;
            var error = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.That(process.ExitCode, Is.EqualTo(1), error);
            Assert.That(error.Trim(), Does.Contain(reason).And.EndsWith("Run the command as the user of the server.").And.Not.Contain("\n"));
        }

        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Doctor_and_config_show_say_what_is_so()
    {
        MigratedDatabase.CopyTo(DatabaseFile);
        var warned = await RunAsync("", "doctor", "--json");
        Assert.That(warned.ExitCode, Is.EqualTo(3), warned.Error);
        var findings = JsonNode.Parse(warned.Output)!["findings"]!.AsArray().ToLookup(finding => (string)finding!["name"]!, finding => (string)finding!["status"]!);
        Assert.That((findings["schema"], findings["files"], findings["mail"]), Is.EqualTo((new[] { "ok" }, new[] { "ok" }, new[] { "warning" })));

        // An expired certificate, a file that others can read, a mail server that is not there.
        File.SetUnixFileMode(DatabaseFile, (UnixFileMode)0b110_100_100);
        var certificate = Path.Combine(_folder.Path, "old.pem");
        using (var key = System.Security.Cryptography.RSA.Create(2048))
        {
            var request = new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=localhost", key, System.Security.Cryptography.HashAlgorithmName.SHA256, System.Security.Cryptography.RSASignaturePadding.Pkcs1);
            using var old = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(1));
            await File.WriteAllTextAsync(certificate, old.ExportCertificatePem());
        }

        var wrong = await RunAsync("", "doctor", "--json", $"--Kestrel:Certificates:Default:Path={certificate}", "--Email:Smtp:Host=127.0.0.1", "--Email:Smtp:Port=1", "--Email:From=a@example.com");
        Assert.That(wrong.ExitCode, Is.EqualTo(4), wrong.Error);
        findings = JsonNode.Parse(wrong.Output)!["findings"]!.AsArray().ToLookup(finding => (string)finding!["name"]!, finding => (string)finding!["status"]!);
        Assert.That((findings["certificate"], findings["files"], findings["mail"]), Is.EqualTo((new[] { "error" }, new[] { "error" }, new[] { "error" })));

        var shown = await JsonAsync("config", "show", "--json", "--Email:Smtp:Password=geheim", "--ConnectionStrings:Auth=Host=x;Password=geheim", "--Sessions:IdleTimeout=00:10:00");
        Assert.That(shown.ToJsonString(), Does.Not.Contain("geheim"));
        var items = shown["items"]!.AsArray().ToDictionary(item => (string)item!["key"]!, item => ((string?)item!["value"], (string?)item["source"]));
        Assert.That(items["Sessions:IdleTimeout"], Is.EqualTo(("00:10:00", "command line")));
        Assert.That(items["Sessions:MaxPerUser"], Is.EqualTo(("50", "default")));
        Assert.That(items["Email:Smtp:Password"], Is.EqualTo(("***", "command line")));
        Assert.That(items["AllowedHosts"].Item2, Is.EqualTo("appsettings.json"));
        Assert.That((await JsonAsync("config", "show", "--json"))["items"]!.AsArray().Single(item => (string?)item!["key"] == "ConnectionStrings:Auth")!["value"]!.GetValue<string>(), Is.EqualTo(SqliteFile.DefaultConnectionString));
    }

    // As a running server does it.
    private static Task<int> RunInServerAsync(AuthApiApplication application, CommandConsole console, CancellationToken stopped, params string[] words)
    {
        var parsed = new CommandLine(ProgramCommands.All).Parse(words, TextWriter.Null)!;
        return new CommandRun((ProgramCommand)parsed.CommandResult.Command, parsed, words).RunAsync(new CommandCall(parsed, application.Services, console, stopped));
    }

    // What a person sees who answers at the prompt.
    private async Task<(int ExitCode, string Shown)> AnswerAsync(string answer, string command)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var start = new ProcessStartInfo("script", ["--quiet", "--return", "--command", $"dotnet '{await PublishedProgram.FileAsync()}' {command}", "/dev/null"])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";
        using var process = Process.Start(start)!;
        var shown = new StringBuilder();
        var buffer = new char[1];
        while (!shown.ToString().EndsWith("[y/N] ", StringComparison.Ordinal) && await process.StandardOutput.ReadAsync(buffer, timeout.Token) > 0)
        {
            shown.Append(buffer[0]);
        }

        await process.StandardInput.WriteAsync($"{answer}\n");
        await process.StandardInput.FlushAsync(timeout.Token);
        shown.Append(await process.StandardOutput.ReadToEndAsync(timeout.Token));
        await process.WaitForExitAsync(timeout.Token);
        return (process.ExitCode, shown.ToString());
    }

    // A password is read from the standard input of a process, and so is the answer that is missing where a command asks.
    private Task<(int ExitCode, string Output, string Error)> RunAsync(string input, params string[] arguments) => _isInProcess && input.Length == 0 && !Asks(arguments)
        ? ProgramInProcess.RunToEndAsync(_folder.Path, [.. arguments, .. _settings])
        : RunningProgram.RunWithInputAsync(_folder.Path, input, [.. arguments, .. _settings]);

    private static bool Asks(string[] arguments) => arguments[1] is "revoke" or "disable" or "grant" && !arguments.Contains("--yes");

    // In this process, as it ends before it does anything.
    private Task<(int ExitCode, string Output, string Error)> RefusedAsync(params string[] arguments) => ProgramInProcess.RunToEndAsync(_folder.Path, arguments);

    private async Task DoneAsync(params string[] arguments)
    {
        var (exitCode, _, error) = await RunAsync("", arguments);
        Assert.That((exitCode, error), Is.EqualTo((0, "")));
    }

    private async Task<JsonNode> JsonAsync(params string[] arguments)
    {
        var (exitCode, output, error) = await RunAsync("", arguments);
        Assert.That((exitCode, error), Is.EqualTo((0, "")));
        return JsonNode.Parse(output)!;
    }
}
