using System.Diagnostics;
using System.IO.Enumeration;
using System.Net;
using System.Text.RegularExpressions;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.House;

/// <summary>What is handed to operators works.</summary>
internal sealed partial class DeployTests
{
    private static readonly string Unit = Path.Combine(Repository.Root, "deploy", "authapi.service");
    private static readonly string TraefikFile = File.ReadAllText(Path.Combine(Repository.Root, "deploy", "traefik.yml"));

    [TestCase("Type=notify")]
    [TestCase("DynamicUser=yes")]
    [TestCase("StateDirectory=authapi")]
    [TestCase("ProtectSystem=strict")]
    [TestCase("NoNewPrivileges=yes")]
    [TestCase("Restart=on-failure")]
    [TestCase("KillSignal=SIGTERM")]
    [TestCase("LoadCredential=tls.key:/etc/authapi/tls.key")]
    public void The_systemd_unit_confines_the_program(string line)
    {
        Assert.That(File.ReadAllLines(Unit), Has.Member(line));
    }

    [Test]
    public async Task The_drop_in_serves_behind_a_proxy_without_a_certificate()
    {
        var lines = await File.ReadAllLinesAsync(Path.Combine(Repository.Root, "deploy", "authapi-proxy.conf"));
        var reset = Array.IndexOf(lines, "Environment=");
        var settings = lines.Where(line => line.StartsWith("Environment=", StringComparison.Ordinal))
            .Select(line => line["Environment=".Length..].Trim('"').Split('=', 2)).Where(pair => pair.Length == 2)
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        Assert.That(reset, Is.LessThan(Array.FindIndex(lines, line => line.StartsWith("Environment=Urls", StringComparison.Ordinal))), "what the unit has is reset first");
        Assert.That(lines, Has.Member("LoadCredential="));
        Assert.That(settings["ConnectionStrings__Auth"], Is.EqualTo("Data Source=/var/lib/authapi/auth.db"));

        using var folder = new TemporaryFolder();
        settings["ConnectionStrings__Auth"] = "Data Source=auth.db";
        settings["ASPNETCORE_ENVIRONMENT"] = "Production";
        await using var program = await RunningProgram.StartAsync(folder.Path, new Launch(Environment: settings));
        using var proxy = new HttpClient { BaseAddress = program.Address };
        proxy.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        using var response = await proxy.GetAsync(new Uri("/me/", UriKind.Relative));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), "and not 400 https_required");
    }

    [Test]
    public void A_secret_for_compose_is_in_no_image_and_no_commit()
    {
        var compose = File.ReadAllText(Path.Combine(Repository.Root, "deploy", "compose.yaml"));
        var given = ComposeFiles().Matches(compose).Select(file => Path.Combine("deploy", file.Groups[1].Value)).Where(file => !File.Exists(Path.Combine(Repository.Root, file)) || IsSecret(file)).ToList();
        Assert.That(given, Is.EqualTo(new[] { Path.Combine("deploy", "tls.pem"), Path.Combine("deploy", "tls.key") }));

        foreach (var list in new[] { ".gitignore", ".dockerignore" })
        {
            var patterns = File.ReadAllLines(Path.Combine(Repository.Root, list)).Where(line => !line.StartsWith('#')).ToList();

            Assert.That(given.Where(file => !patterns.Exists(pattern => FileSystemName.MatchesSimpleExpression(pattern, file))), Is.Empty, list);
            Assert.That(patterns, Has.Some.Matches<string>(pattern => pattern is ".env" or "**/.env"), list);
        }

        var published = File.ReadAllLines(Path.Combine(Repository.Root, "src", "AuthApi", "AuthApi.csproj")).Single(line => line.Contains(@"Include=""..\..\deploy", StringComparison.Ordinal));
        Assert.That(published, Does.Contain(@"\*.pem;").And.Contain(@"\*.key;").And.Contain(@"\.env"""));
    }

    [Test]
    public async Task The_image_asks_the_program_whether_it_is_ready()
    {
        var dockerfile = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "Dockerfile"));
        var (start, check) = (DockerStart().Match(dockerfile).Groups[1].Value, DockerCheck().Match(dockerfile).Groups[1].Value);
        var word = check[start.Length..].Trim(' ', ',', '"');
        var (_, usage, _) = await ProgramInProcess.RunAloneAsync("--help");
        var compose = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "compose.yaml"));

        Assert.That(check, Does.StartWith(start).And.EndsWith($", \"{word}\""));
        Assert.That(usage, Does.Contain($"\n  {word} "), "a command");
        Assert.That(compose, Does.Contain("      node1:\n        condition: service_healthy\n      node2:\n        condition: service_healthy\n"));
    }

    [Test]
    public async Task Systemd_understands_the_unit()
    {
        if (!File.Exists("/usr/bin/systemd-analyze"))
        {
            Needs.Missing("systemd-analyze (on Debian: apt-get install systemd)");
        }

        // Systemd looks for the program too, which is not installed here.
        using var folder = new TemporaryFolder();
        var unit = Path.Combine(folder.Path, "authapi.service");
        await File.WriteAllTextAsync(unit, (await File.ReadAllTextAsync(Unit)).Replace("ExecStart=/opt/authapi/AuthApi", "ExecStart=/bin/true", StringComparison.Ordinal));
        using var verify = Process.Start(new ProcessStartInfo("/usr/bin/systemd-analyze", ["verify", unit]) { RedirectStandardError = true })!;
        var complaints = await verify.StandardError.ReadToEndAsync();
        await verify.WaitForExitAsync();

        Assert.That(verify.ExitCode, Is.Zero, complaints);
        Assert.That(complaints, Does.Not.Contain("authapi.service"), "no key that it does not know");
    }

    // The text alone: Debian has no Traefik to run.
    [Test]
    public void The_traefik_file_refers_only_to_what_it_defines()
    {
        var names = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (Match key in YamlKeys().Matches(TraefikFile))
        {
            if (key.Groups["section"].Success)
            {
                names[key.Groups["section"].Value] = [];
            }
            else
            {
                names.Last().Value.Add(key.Groups["name"].Value);
            }
        }

        var services = YamlServices().Matches(TraefikFile).Select(service => service.Groups[1].Value).ToList();
        var middlewares = YamlMiddlewares().Matches(TraefikFile).SelectMany(list => list.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries)).ToList();

        Assert.That(names.Keys, Is.EqualTo(new[] { "routers", "middlewares", "services" }));
        Assert.That(services, Is.EqualTo(new[] { "authapi", "noop@internal" }));
        Assert.That(names["services"], Is.EqualTo(new[] { "authapi" }));
        Assert.That(middlewares, Is.EqualTo(names["middlewares"]));
        Assert.That(TraefikFile, Does.Contain("X-Forwarded-Prefix: \"\"").And.Contain("- url: http://127.0.0.1:5080"));
    }

    [TestCase("/metrics", true)]
    [TestCase("/METRICS", true)]
    [TestCase("/me/", false)]
    public void The_traefik_file_keeps_the_metrics_back(string path, bool isKept)
    {
        var rule = TraefikRule().Match(TraefikFile).Groups[1].Value;

        Assert.That(Regex.IsMatch(path, rule), Is.EqualTo(isKept));
        Assert.That(TraefikFile, Does.Match(@"PathRegexp(.*\n)+?.*priority: 1000\n.*service: noop@internal"));
    }

    private static bool IsSecret(string file) => Path.GetExtension(file) is ".pem" or ".key";

    [GeneratedRegex(@"^ +- \./(\S+?):", RegexOptions.Multiline)]
    private static partial Regex ComposeFiles();

    [GeneratedRegex(@"^ENTRYPOINT \[(.+)\]$", RegexOptions.Multiline)]
    private static partial Regex DockerStart();

    [GeneratedRegex(@"^HEALTHCHECK .*CMD \[(.+)\]$", RegexOptions.Multiline)]
    private static partial Regex DockerCheck();

    [GeneratedRegex(@"^(?:  (?<section>[\w-]+)|    (?<name>[\w-]+)):\s*$", RegexOptions.Multiline)]
    private static partial Regex YamlKeys();

    [GeneratedRegex(@"^ +service: (\S+)$", RegexOptions.Multiline)]
    private static partial Regex YamlServices();

    [GeneratedRegex(@"^ +middlewares: \[(.+)\]$", RegexOptions.Multiline)]
    private static partial Regex YamlMiddlewares();

    [GeneratedRegex(@"PathRegexp\(`([^`]+)`\)")]
    private static partial Regex TraefikRule();
}
