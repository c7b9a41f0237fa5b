using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.House;

/// <summary>
/// What clients are given, run against the published program: the Postman collection, the requests for editors, the typed client made from the
/// OpenAPI document, and the phone's client that a document shows. It needs Node.js, which a machine with the .NET SDK alone does not have.
/// </summary>
internal sealed partial class ClientTests
{
    private static readonly string Clients = Path.Combine(Repository.Root, "tests", "clients");

    private readonly TemporaryFolder _folder = new();
    private RunningProgram _program = null!;

    [OneTimeSetUp]
    public async Task PublishAndStartTheProgram()
    {
        await NodeIsThereAsync();
        _program = await RunningProgram.StartAsync(Directory.CreateDirectory(Path.Combine(_folder.Path, "run")).FullName);
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
    public async Task The_document_passes_the_linter_without_warnings() => await NpmAsync("lint");

    [Test]
    public async Task The_Postman_collection_is_what_its_command_writes()
    {
        var written = Path.Combine(_folder.Path, "postman");
        await Tool.RunAsync(Clients, "node", "postman.mjs", Path.Combine("..", "..", "docs", "openapi.json"), written);

        foreach (var file in Directory.GetFiles(written))
        {
            Assert.That(
                await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "postman", Path.GetFileName(file))),
                Is.EqualTo(await File.ReadAllTextAsync(file)),
                "Write it again and commit it: npm run postman, in tests/clients");
        }
    }

    [Test]
    public async Task The_Postman_collection_passes_on_the_published_program()
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
    public async Task The_postman_collection_passes_twice_in_a_minute()
    {
        // Here a password beyond the limit waits for a second, by default for six. The limit is reached before each run, and time passes after each refusal of it.
        const int Limit = 60;
        const string Before = "/login/?before";
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, "limited")).FullName;
        var arrivals = new Arrivals();
        await using var application = new AuthApiApplication(
            services => services.AddSingleton<IStartupFilter>(arrivals),
            new() { ["RateLimiting:Enabled"] = "true", ["RateLimiting:LoginsPerMinute"] = $"{Limit}" },
            kestrel: true);
        application.Time.SetUtcNow(TimeProvider.System.GetUtcNow()); // or the cookies would have expired
        using var browser = application.NewBrowser();
        var address = browser.Address.ToString().TrimEnd('/');
        arrivals.Noted += PassTime;
        await UseUpAsync();
        await NpmAsync("newman", "--env-var", $"baseUrl={address}");

        // One story of it.
        var report = Path.Combine(folder, "newman.json");
        await UseUpAsync();
        await NpmAsync("newman", "--env-var", $"baseUrl={address}", "--folder", "Log out everywhere", "--reporters", "cli,json", "--reporter-json-export", report);

        var run = JsonNode.Parse(await File.ReadAllTextAsync(report))!["run"]!;
        var answers = run["executions"]!.AsArray().Select(execution => execution!["response"]!["code"]!.GetValue<int>()).ToList();
        Assert.That(answers, Contains.Item(429), "The limit was not reached.");
        Assert.That(answers.Where(code => code is not 429), Is.EqualTo(new[] { 201, 200, 200, 200, 401, 401 }));

        void PassTime(Arrival arrival)
        {
            if (arrival.Status == StatusCodes.Status429TooManyRequests && arrival.Address != Before)
            {
                application.Time.Advance(TimeSpan.FromSeconds(10));
            }
        }

        // A login without a password is counted too, and costs no hash.
        async Task UseUpAsync()
        {
            for (var tries = 0; tries <= Limit; tries++)
            {
                using var response = await browser.PostAsync(Before, new { });
                if (response.StatusCode == HttpStatusCode.TooManyRequests)
                {
                    return;
                }
            }

            Assert.Fail("The limit was not reached.");
        }
    }

    [Test]
    public async Task Httpyac_sends_the_http_file_as_its_titles_say()
    {
        var docs = Path.Combine(Repository.Root, "docs");
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, "http")).FullName;
        File.Copy(Path.Combine(docs, "httpyac.config.js"), Path.Combine(folder, "httpyac.config.js"));
        var text = await File.ReadAllTextAsync(Path.Combine(docs, "AuthApi.http"));
        await File.WriteAllTextAsync(
            Path.Combine(folder, "AuthApi.http"), text.Replace("http://localhost:5080", _program.Address.ToString().TrimEnd('/'), StringComparison.Ordinal));

        // It takes files below its own folder only.
        var httpyac = Path.Combine(Clients, "node_modules", "httpyac", "bin", "httpyac.js");
        var output = await Tool.RunAsync(folder, "node", httpyac, "send", "AuthApi.http", "--all", "--output", "short", "--no-color");

        var answers = Answers().Matches(output).Select(answer => (Title: answer.Groups[1].Value, Expected: answer.Groups[2].Value, Status: answer.Groups[3].Value)).ToList();
        Assert.That(answers, Has.Count.EqualTo(Regex.Count(text, "^### ", RegexOptions.Multiline)), output);
        Assert.That(answers.Where(answer => answer.Status != answer.Expected), Is.Empty, output);
    }

    [Test]
    public async Task The_typed_client_compiles_and_its_story_is_true() => await NpmAsync("story", _program.Address.ToString().TrimEnd('/'));

    [Test]
    public async Task The_documents_phone_client_signs_in_and_logs_out() => await NpmAsync("phone", _program.Address.ToString().TrimEnd('/'));

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

    [GeneratedRegex(@"^=== (.+?): (\d{3})\b.* ===\s+[A-Z]+ \S+\s+=> (\d{3}) ", RegexOptions.Multiline)]
    private static partial Regex Answers();
}
