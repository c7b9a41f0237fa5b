using System.Text.RegularExpressions;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;

namespace AuthApi.Tests.House;

/// <summary>
/// Types every command of the documents into a shell, and compares the output with the one in the document. A document is one
/// story against a program of its own, in which Ada has an account. <c>T</c> is a live session of hers, and so is a token that no answer
/// before has shown; a comment before the block (<c>transcript: ended</c>) says where it is something else.
/// </summary>
internal sealed partial class TranscriptTests
{
    // What is not typed here, by how it begins, and why.
    private static readonly Dictionary<string, string> RunElsewhere = new(StringComparer.Ordinal)
    {
        ["dotnet run -c Release --no-build --project tests/AuthApi.Benchmarks"] = "takes minutes, and needs a quiet machine",
        ["dotnet run --project src/AuthApi"] = "StartupErrorsTests and RestartTests start the program",
        ["dotnet restore"] = "the gate",
        ["dotnet format"] = "the gate",
        ["dotnet build"] = "the gate",
        ["dotnet test"] = "this",
        ["(cd tests/clients && npm ci)"] = "the gate",
        ["cd tests/clients"] = "the gate",
        ["npm ci"] = "the gate",
        ["npm run postman"] = "ClientTests runs what it runs",
        ["npx newman run docs/postman/"] = "ClientTests, against its own program",
        ["npx openapi-typescript docs/openapi.json"] = "ClientTests",
        [".ci/run"] = "the gate",
        ["UPDATE_OPENAPI=1 dotnet test"] = "would change the document",
        ["FUZZ_REQUESTS="] = "takes hours",
        ["AUTHAPI_TEST_ROUNDS="] = "takes long",
        ["dotnet publish src/AuthApi"] = "ClientTests publish it",
        ["CI=true dotnet pack"] = "PackageTests and ReproducibleBuildTests pack it",
        ["AuthApi "] = "RunbookTests, and StorageCommandsTests",
        ["/opt/authapi/AuthApi --help"] = "CommandLineTests",
        ["/opt/authapi/AuthApi --Database:Provider=PostgreSql"] = "PostgreSqlStorageTests",
        ["dotnet tool install"] = "changes the machine",
        ["dotnet ef migrations add"] = "would add a migration",
        ["jq '.paths"] = "needs jq, and is for kiota",
        ["kiota generate"] = "needs kiota, which is no package of this repository",
        ["sqlite3 "] = "the lock is held by this test",
    };

    private static IEnumerable<string> Documents() => Directory.GetFiles(Repository.Root, "*.md")
        .Concat(Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md"))
        .Where(document => Read(File.ReadAllText(document)).Any(command => command.Text.StartsWith("curl ", StringComparison.Ordinal)))
        .Select(document => Path.GetRelativePath(Repository.Root, document));

    [TestCaseSource(nameof(Documents))]
    public async Task What_a_document_shows_is_what_happens(string document)
    {
        if (!File.Exists("/usr/bin/curl"))
        {
            Needs.Missing("curl");
        }

        await using var story = new Story();
        var aside = new Story();
        var count = 0;
        foreach (var command in Read(await File.ReadAllTextAsync(Path.Combine(Repository.Root, document))))
        {
            if (!IsRunElsewhere(command.Text))
            {
                if (command.IsFirst)
                {
                    await aside.DisposeAsync();
                    aside = new Story();
                }

                await (command.Given == "a program of its own" ? aside : story).RunAsync(command);
                count++;
            }
        }

        await aside.DisposeAsync();
        Assert.That(count, Is.GreaterThan(0));
    }

    [Test]
    public void Every_command_is_run_here_or_elsewhere()
    {
        var commands = Directory.GetFiles(Repository.Root, "*.md")
            .Concat(Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories))
            .SelectMany(document => Read(File.ReadAllText(document)).Select(command => command.Text))
            .ToList();

        Assert.That(commands, Has.Count.GreaterThan(30));
        Assert.That(commands.Where(command => !IsRunElsewhere(command) && !Typed().IsMatch(command)), Is.Empty);
        Assert.That(RunElsewhere.Keys.Where(start => !commands.Any(command => command.StartsWith(start, StringComparison.Ordinal))), Is.Empty, "no document has it");
    }

    [TestCase("HTTP/1.1 200 OK\nA: b\n\n{\"x\":\"y\"}", "HTTP/1.1 200 OK\r\nB: c\r\nA: b\r\n\r\n{\"x\":\"y\"}", true)]
    [TestCase("HTTP/1.1 200 OK\n\n{\"x\": ...,\n\"z\":1}", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"x\":{\"y\":2},\"z\":1}", true)]
    [TestCase("HTTP/1.1 200 OK\nA: b\n\n{\"x\":\"y\"}", "HTTP/1.1 200 OK\r\nA: c\r\n\r\n{\"x\":\"y\"}", false)]
    [TestCase("HTTP/1.1 200 OK\n\n{\"x\":\"y\"}", "HTTP/1.1 200 OK\r\n\r\n{\"x\":\"z\"}", false)]
    [TestCase("HTTP/1.1 200 OK\n\n{\"x\":\"y\"}", "HTTP/1.1 401 Unauthorized\r\n\r\n{\"x\":\"y\"}", false)]
    [TestCase("200", "401", false)]
    public void A_differing_answer_is_found(string expected, string actual, bool same)
    {
        Assert.That(new Names().Difference(expected, actual) is null, Is.EqualTo(same));
    }

    [Test]
    public void A_named_value_keeps_its_name()
    {
        var names = new Names();

        Assert.That(names.Difference("{\"id\":\"7\"}", "{\"id\":\"31\"}"), Is.Null);
        Assert.That(names.Difference("{\"id\":\"7\"}", "{\"id\":\"31\"}"), Is.Null);
        Assert.That(names.Difference("{\"id\":\"7\"}", "{\"id\":\"32\"}"), Is.Not.Null);
    }

    private static bool IsRunElsewhere(string command) =>
        RunElsewhere.Keys.Any(start => command.StartsWith(start, StringComparison.Ordinal)) || command.Contains("localhost:5090", StringComparison.Ordinal);

    private static IEnumerable<Command> Read(string document) =>
        from Match block in Blocks().Matches(document)
        from Match command in Commands().Matches(block.Groups["text"].Value)
        select new Command(
            command.Groups["command"].Value,
            command.Groups["output"].Value.Trim(),
            block.Groups["given"].Success ? block.Groups["given"].Value : null,
            command.Index == 0);

    /// <param name="Text">What is typed.</param>
    /// <param name="Output">What the document says comes out.</param>
    /// <param name="Given">What <c>T</c> is, or how things stand, where it is not a live session.</param>
    /// <param name="IsFirst">Whether a block begins with it; within a block, <c>T</c> stays what it is.</param>
    private sealed record Command(string Text, string Output, string? Given, bool IsFirst);

    /// <summary>One document's program, shell and memory of which value of its own stands for which of the document's.</summary>
    private sealed class Story : IAsyncDisposable
    {
        private const string AsBefore = "as before";
        private const string Ada = "ada@example.com";
        private const string Curl = "curl/8.0.0";
        private const string Phone = "AuthApi-iOS/1.4 (iPhone; iOS 18.5)";

        private readonly TemporaryFolder _folder = new();
        private readonly AuthApiApplication _application = new(kestrel: true);
        private readonly Names _names = new();
        private readonly Browser _anybody;
        private bool _isRegistered;
        private string? _token;

        public Story() => _anybody = _application.NewBrowser();

        public async Task RunAsync(Command command)
        {
            _application.Time.Advance(TimeSpan.FromSeconds(1));
            var typed = await PrepareAsync(command);
            await using var locked = command.Given == "the store is locked" ? await LockAsync() : null;
            var output = await Tool.RunAsync(_folder.Path, "bash", "-c", typed);
            Assert.That(_names.Difference(command.Output, output), Is.Null, $"$ {command.Text}\n{output}");
            _isRegistered |= command.Text.Contains("/register/", StringComparison.Ordinal) && command.Text.Contains(Ada, StringComparison.Ordinal);
        }

        public async ValueTask DisposeAsync()
        {
            _anybody.Dispose();
            await _application.DisposeAsync();
            _folder.Dispose();
        }

        private async Task<string> PrepareAsync(Command command)
        {
            var text = _names.Put(command.Text.Replace("http://localhost:5080", _anybody.Address.ToString().TrimEnd('/'), StringComparison.Ordinal));
            if (command is { IsFirst: true, Given: "logged in again" })
            {
                await TokenAsync(command.Given, SessionTransport.Cookie);
            }

            if (Placeholder().IsMatch(text) || text.Contains("$COPY", StringComparison.Ordinal))
            {
                var token = await TokenAsync(command.IsFirst ? command.Given : AsBefore, text.Contains("Authorization", StringComparison.Ordinal) ? SessionTransport.Header : SessionTransport.Cookie);
                text = Placeholder().Replace(text, token).Replace("\"$COPY\"", $"session={token}", StringComparison.Ordinal);
            }

            // An id that no answer has shown is that of another session.
            foreach (var id in _names.UnknownIds(text))
            {
                using var other = await LogInAsync(_anybody, $""" "password":"{Browser.Password}","transport":"header" """, Phone);
                text = text.Replace(id, (await other.JsonAsync())["session"]!["id"]!.GetValue<string>(), StringComparison.Ordinal);
            }

            return text;
        }

        // The session that T stands for: as given, or a live one.
        private async Task<string> TokenAsync(string? given, SessionTransport transport)
        {
            if (given == AsBefore && _token is not null)
            {
                return _token;
            }

            await RegisterAsync();
            using var browser = new Browser(new HttpClient { BaseAddress = _anybody.Address }, transport);
            switch (given)
            {
                case "a laptop and a phone":
                    using (await LogInAsync(_anybody, $""" "password":"{Browser.Password}","rememberMe":true,"transport":"header" """, Phone))
                    {
                    }

                    _application.Time.Advance(TimeSpan.FromSeconds(1));
                    break;
                case "wrong passwords before":
                    for (var i = 0; i < 2; i++)
                    {
                        using var wrong = await LogInAsync(_anybody, """ "password":"wrong" """, Curl);
                    }

                    break;
            }

            using var answer = await LogInAsync(browser, $""" "password":"{Browser.Password}","transport":"{transport.ToString().ToLowerInvariant()}" """, Curl);
            _token = transport == SessionTransport.Header ? (await answer.JsonAsync())["sessionToken"]!.GetValue<string>() : browser.Token;
            browser.Token = _token;
            switch (given)
            {
                case "ended":
                    using (await browser.LogOutAsync())
                    {
                    }

                    break;
                case "a password given too long ago":
                    _application.Time.Advance(TimeSpan.FromMinutes(11));
                    break;
            }

            await File.WriteAllTextAsync(
                Path.Combine(_folder.Path, "cookies.txt"), $"# Netscape HTTP Cookie File\n#HttpOnly_{_anybody.Address.Host}\tFALSE\t/\tFALSE\t0\tsession\t{_token}\n");
            return _token;
        }

        private static Task<HttpResponseMessage> LogInAsync(Browser browser, string how, string userAgent) => browser.SendAsync(
            HttpMethod.Post,
            "/login/",
            new StringContent($$"""{"email":"{{Ada}}",{{how}}}""", null, "application/json"),
            request => request.Headers.TryAddWithoutValidation("User-Agent", userAgent));

        private async Task RegisterAsync()
        {
            if (!_isRegistered)
            {
                await _anybody.RegisterAsync(Ada, userName: "ada");
                _isRegistered = true;
            }
        }

        private async Task<SqliteConnection> LockAsync()
        {
            var connection = new SqliteConnection($"Data Source={_application.DatabaseFile};Pooling=False");
            await connection.OpenAsync();
            await using var begin = connection.CreateCommand();
            begin.CommandText = "BEGIN IMMEDIATE";
            await begin.ExecuteNonQueryAsync();
            return connection;
        }
    }

    /// <summary>Which value of this run stands for which of the document's: ids, tokens. Times and traces stand for any.</summary>
    private sealed partial class Names
    {
        private readonly Dictionary<string, string> _known = new(StringComparer.Ordinal);

        /// <summary>The command with this run's values; a token that is not known yet is whatever <c>T</c> is.</summary>
        public string Put(string command) => Nameable().Replace(command, name =>
            _known.GetValueOrDefault(name.Value) ?? (name.Groups["token"].Success ? "T" : name.Value));

        /// <summary>The ids of sessions in a command that have no value of this run.</summary>
        public List<string> UnknownIds(string command) => Nameable().Matches(command)
            .Where(name => name.Groups["uuid"].Success && !_known.ContainsValue(name.Value)).Select(name => name.Value).ToList();

        /// <summary>What of the expected output is not in the actual one; null where all of it is.</summary>
        public string? Difference(string expected, string actual)
        {
            var (head, body) = Split(expected);
            var (actualHead, actualBody) = Split(actual);
            foreach (var line in head)
            {
                if (!actualHead.Any(actualLine => Matches(line, actualLine)))
                {
                    return line;
                }
            }

            return body.Length == 0 || Matches(body, actualBody) ? null : body;
        }

        private static (string[] Head, string Body) Split(string output)
        {
            var text = output.ReplaceLineEndings("\n").Trim();
            if (!text.StartsWith("HTTP/", StringComparison.Ordinal))
            {
                return ([], text);
            }

            var parts = text.Split("\n\n", 2);
            return (parts[0].Split('\n'), parts.Length == 2 ? parts[1] : "");
        }

        private bool Matches(string expected, string actual)
        {
            var names = new List<string>();
            var pattern = new System.Text.StringBuilder("^");
            var bare = Blanks().Replace(expected, "");
            var at = 0;
            foreach (Match part in Variable().Matches(bare))
            {
                pattern.Append(Regex.Escape(bare[at..part.Index]));
                if (Nameable().Match(part.Value) is { Success: true } name)
                {
                    pattern.Append(Regex.Escape(part.Value[..name.Index])).Append(name.Groups["token"].Success ? "([A-Za-z0-9_-]{43})" : "([A-Za-z0-9-]+)").Append(Regex.Escape(part.Value[(name.Index + name.Length)..]));
                    names.Add(name.Value);
                }
                else
                {
                    pattern.Append(part.Value == "..." ? ".*" : "[^\"]+");
                }

                at = part.Index + part.Length;
            }

            pattern.Append(Regex.Escape(bare[at..])).Append('$');
            var match = Regex.Match(Blanks().Replace(actual, ""), pattern.ToString(), RegexOptions.Singleline);
            if (!match.Success)
            {
                return false;
            }

            for (var i = 0; i < names.Count; i++)
            {
                if (!_known.TryAdd(names[i], match.Groups[i + 1].Value) && _known[names[i]] != match.Groups[i + 1].Value)
                {
                    return false;
                }
            }

            return true;
        }

        [GeneratedRegex(@"\s+")]
        private static partial Regex Blanks();

        [GeneratedRegex("""(?<uuid>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})|(?<token>(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-]))|(?<=")(?<number>\d+)(?=")""")]
        private static partial Regex Nameable();

        [GeneratedRegex("""\.\.\.|00-[0-9a-f]{32}-[0-9a-f]{16}-00|\d{4}-\d\d-\d\dT[^"]+|curl/[\d.]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])|"\d+"(?=[,}\]])""")]
        private static partial Regex Variable();
    }

    [GeneratedRegex(@"(<!-- transcript: (?<given>[^>]+) -->\s*)?^```console\n(?<text>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Blocks();

    // A command goes on where its line ends with a backslash; its output goes on to the next command.
    [GeneratedRegex(@"^\$ (?<command>(?:[^\n]*\\\n)*[^\n]*)\n(?<output>(?:(?!\$ )[^\n]*\n)*)", RegexOptions.Multiline)]
    private static partial Regex Commands();

    [GeneratedRegex("^(curl|cp) ")]
    private static partial Regex Typed();

    [GeneratedRegex(@"(?<=session=|Session )T\b")]
    private static partial Regex Placeholder();
}
