using System.Text.Json.Nodes;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.House;

/// <summary>
/// What clients are given, run against the published program: the Postman collection, the typed client made from the OpenAPI document,
/// and the phone's client that a document shows. It takes Node.js, which a machine with the .NET SDK alone does not have.
/// </summary>
internal sealed class ClientTests
{
    private static readonly string Clients = Path.Combine(Repository.Root, "tests", "clients");

    private readonly TemporaryFolder _folder = new();
    private RunningProgram _program = null!;

    [OneTimeSetUp]
    public async Task PublishAndStartTheProgram()
    {
        await NodeIsThereAsync();
        var published = Path.Combine(_folder.Path, "published");
        await RunningProgram.PublishAsync(published);
        _program = await RunningProgram.StartPublishedAsync(published, Directory.CreateDirectory(Path.Combine(_folder.Path, "run")).FullName);
        await NpmAsync("generate");
        await NpmAsync("build");
    }

    [OneTimeTearDown]
    public async Task EndTheProgram()
    {
        if (_program is not null)
        {
            await _program.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Test]
    public async Task TheDocumentPassesTheLinterWithoutWarnings() => await NpmAsync("lint");

    [Test]
    public async Task ThePostmanCollectionIsWhatItsCommandWrites()
    {
        var written = Path.Combine(_folder.Path, "postman");
        await Tool.RunAsync(Clients, "node", "postman.mjs", Path.Combine("..", "..", "docs", "openapi.json"), written);

        foreach (var file in Directory.GetFiles(written))
        {
            Assert.That(
                await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "postman", Path.GetFileName(file))),
                Is.EqualTo(await File.ReadAllTextAsync(file)),
                "Write it anew and commit it: npm run postman, in tests/clients");
        }
    }

    [Test]
    public async Task ThePostmanCollectionPassesAgainstThePublishedProgram()
    {
        var report = Path.Combine(_folder.Path, "newman.json");
        var address = _program.Address.ToString().TrimEnd('/');
        await NpmAsync("newman", "--env-var", $"baseUrl={address}", "--reporters", "cli,json", "--reporter-json-export", report);

        var run = JsonNode.Parse(await File.ReadAllTextAsync(report))!["run"]!;
        var executions = run["executions"]!.AsArray();
        var untested = executions.Where(execution => execution!["assertions"] is not JsonArray { Count: > 1 });
        Assert.That(executions, Has.Count.GreaterThan(40));
        Assert.That(untested.Select(execution => execution!["item"]!["name"]!.GetValue<string>()), Is.Empty, "requests of which nothing is tested");
        Assert.That(run["failures"]!.AsArray(), Is.Empty);
    }

    [Test]
    public async Task TheTypedClientCompilesAndItsStoryIsTrue() => await NpmAsync("story", _program.Address.ToString().TrimEnd('/'));

    [Test]
    public async Task ThePhonesClientInTheDocumentSignsInAndLogsOut() => await NpmAsync("phone", _program.Address.ToString().TrimEnd('/'));

    private static async Task NodeIsThereAsync()
    {
        if (!(await Tool.VersionOfAsync("node") >= new Version(18, 18)) || await Tool.VersionOfAsync(Tool.Npm) is null)
        {
            Needs.Missing("Node.js 18.18 or later, with npm (on Debian: apt-get install nodejs npm), by which the clients are tried,");
        }

        // npm writes this file last, so that it is newer than the lock file it was made from.
        var installed = new FileInfo(Path.Combine(Clients, "node_modules", ".package-lock.json"));
        if (!installed.Exists || installed.LastWriteTimeUtc < File.GetLastWriteTimeUtc(Path.Combine(Clients, "package-lock.json")))
        {
            try
            {
                await Tool.RunAsync(Clients, Tool.Npm, "ci");
            }
            catch (ToolFailedException exception)
            {
                Needs.Missing($"What npm ci installs in tests/clients, by which the clients are tried, ({exception.Message})");
            }
        }
    }

    private static Task<string> NpmAsync(string script, params string[] arguments) =>
        Tool.RunAsync(Clients, Tool.Npm, ["run", "--silent", script, "--", .. arguments]);
}
