using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.House;

/// <summary>What the documents point at exists: files and their headings, tests, and every setting with its default.</summary>
internal sealed partial class DocumentTests
{
    private static readonly string[] Documents =
    [
        .. Directory.GetFiles(Repository.Root, "*.md"),
        .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories),
    ];

    // Keys that the framework gives a place of their own.
    private static readonly string[] NoOptions = ["AllowedHosts", "PathBase", "Hsts:MaxAge", "Hsts:IncludeSubDomains"];

    [Test]
    public void Every_link_has_a_target()
    {
        var broken = Documents.SelectMany(document => Links(File.ReadAllText(document))
            .Where(link => !LeadsSomewhere(document, link))
            .Select(link => $"{Path.GetRelativePath(Repository.Root, document)}: {link}"));

        Assert.That(broken, Is.Empty);
    }

    [Test]
    public async Task What_is_published_has_what_its_pages_link_to()
    {
        var folder = await PublishedProgram.FolderAsync();
        var pages = Directory.GetFiles(folder, "*.md", SearchOption.AllDirectories);

        var broken = pages.SelectMany(page => Links(File.ReadAllText(page)).Where(link => !LeadsSomewhere(page, link)).Select(link => $"{Path.GetRelativePath(folder, page)}: {link}"));

        Assert.That(pages.Select(page => Path.GetRelativePath(folder, page)), Is.SupersetOf(Documents.Select(document => Path.GetRelativePath(Repository.Root, document))));
        Assert.That(broken, Is.Empty);
    }

    [Test]
    public void Plain_words_are_used_everywhere()
    {
        string[] sources =
        [
            .. new[] { "src", "deploy", "tests" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories))
                .Where(file => Path.GetExtension(file) is ".cs" or ".js" or ".html" or ".conf" or ".yaml" or ".md" && !OtherFolders().IsMatch(file)),
        ];

        var found = Documents.Concat(sources).SelectMany(file => File.ReadLines(file).Index()
            .Where(line => AvoidedWords().Match(line.Item) is { Success: true } && Path.GetFileName(file) != "DocumentTests.cs")
            .Select(line => $"{Path.GetRelativePath(Repository.Root, file)}:{line.Index + 1}: {line.Item.Trim()}"));

        Assert.That(sources, Has.Length.GreaterThan(300));
        Assert.That(found, Is.Empty);
    }

    [TestCase("[a](nowhere.md)", false)]
    [TestCase("[a](README.md#nowhere)", false)]
    [TestCase("[a](#nowhere)", false)]
    [TestCase("[a](docs/nowhere/)", false)]
    [TestCase("[a](README.md#run-it)", true)]
    [TestCase("[a](#run-it)", true)]
    [TestCase("[a](docs/decisions/README.md)", true)]
    [TestCase("[a](https://example.com/nowhere.md)", true)]
    [TestCase("```\n[a](nowhere.md)\n```", true)]
    public void A_broken_link_is_found(string text, bool leads)
    {
        Assert.That(Links(text).All(link => LeadsSomewhere(Path.Combine(Repository.Root, "README.md"), link)), Is.EqualTo(leads));
    }

    [Test]
    public void Every_room_has_a_page()
    {
        var rooms = File.ReadAllText(Path.Combine(Repository.Root, "docs", "architecture.md"));

        var without = RoomTests.Rooms.Where(room => !Regex.IsMatch(rooms, $@"^\| \[`{room}`\]\([\w-]+\.md\) \|", RegexOptions.Multiline));

        Assert.That(without, Is.Empty);
    }

    [Test]
    public void Every_test_that_a_document_names_exists()
    {
        var missing = Documents.SelectMany(document => NamedTests().Matches(File.ReadAllText(document))
            .Where(named => !IsTest(named.Groups["fixture"].Value, named.Groups["test"].Value))
            .Select(named => $"{Path.GetRelativePath(Repository.Root, document)}: {named.Value}"));

        Assert.That(missing, Is.Empty);
    }

    [TestCase("security.md")]
    [TestCase("sessions.md")]
    public void Every_promise_names_its_tests(string document)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", document));

        Assert.That(NamedTests().Matches(text).Count(named => named.Groups["test"].Success), Is.GreaterThan(10));
    }

    [Test]
    public void Every_requirement_has_a_state_and_a_test_or_a_reason()
    {
        var rows = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "security.md")).Where(line => NumberedRow().IsMatch(line)).ToList();
        var requirements = rows.Select(row => Requirement().Match(row)).Where(row => row.Success).ToList();
        var ids = requirements.Select(row => row.Groups["id"].Value).ToList();

        var unproven = requirements.Where(row => row.Groups["state"].Value == "met"
            && !NamedTests().IsMatch(row.Value) && !row.Value.Contains("No test", StringComparison.Ordinal)).Select(row => row.Groups["id"].Value);

        // How many requirements each section of the two chapters has.
        int[][] whole = [[3, 12, 8, 6, 8, 4, 2, 4], [3, 4, 2, 5, 3, 2]];
        var expected = whole.SelectMany((chapter, i) => chapter.SelectMany((count, j) => Enumerable.Range(1, count).Select(k => $"{i + 6}.{j + 1}.{k}")));

        Assert.That(rows.Except(requirements.Select(row => row.Value)), Is.Empty, "id, level, what it asks for, state, test or reason");
        Assert.That(ids, Is.Unique);
        Assert.That(unproven, Is.Empty);
        Assert.That(ids.Where(id => id.StartsWith("6.", StringComparison.Ordinal) || id.StartsWith("7.", StringComparison.Ordinal)), Is.EqualTo(expected));
    }

    [Test]
    public void Every_setting_is_in_the_table_with_its_default()
    {
        var rows = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "configuration.md")).Where(line => line.StartsWith("| `", StringComparison.Ordinal)).ToList();
        var settings = Settings().Append((Key: "ConnectionStrings:Auth", Default: $"`{SqliteFile.DefaultConnectionString}` |")).ToList();

        var missing = settings.Where(setting => !rows.Any(row => row.StartsWith($"| `{setting.Key}` | {setting.Default}", StringComparison.Ordinal)));

        var unknown = rows.Select(row => row.Split('`')[1]).Except(settings.Select(setting => setting.Key)).Except(NoOptions);

        Assert.That(settings, Has.Count.GreaterThan(10));
        Assert.That(missing, Is.Empty);
        Assert.That(unknown, Is.Empty, "in the table, and nowhere else");
    }

    private static IEnumerable<string> Links(string text) => InlineLinks().Matches(Code().Replace(text, "")).Select(link => link.Groups[1].Value);

    private static bool LeadsSomewhere(string document, string link)
    {
        if (link.Contains("://", StringComparison.Ordinal))
        {
            return true;
        }

        var (path, anchor) = link.Split('#', 2) is [var before, var after] ? (before, after) : (link, null);
        var target = path.Length == 0 ? document : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(document)!, path));
        return anchor is null
            ? File.Exists(target) || Directory.Exists(target)
            : File.Exists(target) && Headings().Matches(Code().Replace(File.ReadAllText(target), "")).Any(heading => AnchorOf(heading.Groups[1].Value) == anchor);
    }

    // As GitHub makes them: in lower case, with hyphens for spaces, and without punctuation.
    private static string AnchorOf(string heading) =>
        Punctuation().Replace(heading.Trim(), "").Replace(' ', '-').ToLowerInvariant();

    // In any of the test projects. A test has a line of attributes before it.
    private static readonly ILookup<string, string[]> Fixtures = Directory.GetDirectories(Path.Combine(Repository.Root, "tests"), "AuthApi.*")
        .SelectMany(project => Directory.GetFiles(project, "*Tests.cs", SearchOption.AllDirectories))
        .ToLookup(file => Path.GetFileNameWithoutExtension(file), File.ReadAllLines);

    private static bool IsTest(string fixture, string test) => Fixtures[fixture].Any(lines => test.Length == 0 || IsTest(lines, test));

    private static bool IsTest(string[] lines, string test)
    {
        var method = Array.FindIndex(lines, line => line.StartsWith("    public ", StringComparison.Ordinal) && line.Contains($" {test}(", StringComparison.Ordinal));
        return method > 0 && lines[..method].Reverse().TakeWhile(line => line.Length > 0).Any(line => line.StartsWith("    [Test", StringComparison.Ordinal));
    }

    private static readonly string[] OfTheLibraryOnly =
    [
        nameof(UserSessionOptions.CookiePath), nameof(UserSessionOptions.CookieDomain), nameof(UserSessionOptions.LoginPath),
        nameof(UserSessionOptions.AccessDeniedPath), nameof(UserSessionOptions.ReturnUrlParameter), nameof(UserSessionOptions.CarryOverIdentityCookies),
        nameof(UserSessionOptions.Realm), nameof(UserSessionOptions.SharePrincipals),
    ];

    // An options class says its section by a constant; one that is added is found here without being listed.
    private static IEnumerable<(string Key, string Default)> Settings() =>
        from type in typeof(DatabaseOptions).Assembly.GetTypes().Append(typeof(UserSessionOptions)).Append(typeof(AuditOptions))
        let section = type.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetRawConstantValue()
        where section is not null
        let defaults = Activator.CreateInstance(type)
        from property in type.GetProperties()
        where property.CanWrite && !OfTheLibraryOnly.Contains(property.Name)
        let value = property.GetValue(defaults)
        select ($"{section}:{property.Name}", value switch
        {
            null => "",
            "" => "none |",
            IReadOnlyCollection<string> { Count: 0 } => "none |",
            bool yes => yes ? "`true` |" : "`false` |",
            _ => string.Create(CultureInfo.InvariantCulture, $"`{value}` |"),
        });

    // Words that send a reader to the dictionary (CONTRIBUTING.md).
    [GeneratedRegex(@"\b(whoever|at hand|in turn|anew|of ours|is to be|told)\b", RegexOptions.IgnoreCase)]
    private static partial Regex AvoidedWords();

    [GeneratedRegex(@"[\\/](bin|obj|node_modules)[\\/]")]
    private static partial Regex OtherFolders();

    [GeneratedRegex(@"^\| \d")]
    private static partial Regex NumberedRow();

    [GeneratedRegex(@"^\| (?<id>\d+\.\d+\.\d+) \| [123] \| [^|]+ \| (?<state>met|partly|not yet|does not apply) \| [^|]+ \|$")]
    private static partial Regex Requirement();

    [GeneratedRegex(@"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")]
    private static partial Regex InlineLinks();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Code();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Headings();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Punctuation();

    [GeneratedRegex(@"`(?<fixture>\w+Tests)(\.(?<test>\w+))?`")]
    private static partial Regex NamedTests();
}
