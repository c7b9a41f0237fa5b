using System.Text.RegularExpressions;
using AuthApi.Tests.House;

namespace AuthApi.Samples.Tests;

/// <summary><c>docs/adopt.md</c> shows the changes that the other tests make, and the messages that the libraries have.</summary>
internal sealed partial class AdoptDocumentTests
{
    private static readonly string Document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "adopt.md"));

    [Test]
    public void The_page_shows_the_changes_as_they_are()
    {
        var samples = Path.Combine(Repository.Root, "tests", "AuthApi.Samples");
        var changes = Directory.GetFiles(samples, "*.diff", SearchOption.AllDirectories)
            .Where(file => Path.GetFileName(file) != "own.diff")
            .Select(file => File.ReadAllText(file).TrimEnd());

        // In a list a block is indented with the item.
        var shown = Diffs().Matches(Document).Select(block => Regex.Replace(block.Groups["text"].Value, $"^{block.Groups["indent"].Value}", "", RegexOptions.Multiline).TrimEnd());

        Assert.That(shown, Is.EquivalentTo(changes));
    }

    [Test]
    public void Its_messages_are_the_libraries_messages()
    {
        var source = string.Concat(new[] { "AuthApi.Sessions", "AuthApi.Sessions.Sqlite" }
            .SelectMany(project => Directory.GetFiles(Path.Combine(Repository.Root, "src", project), "*.cs", SearchOption.AllDirectories))
            .Select(File.ReadAllText));
        var section = Document[Document.IndexOf("## What a start can stop with", StringComparison.Ordinal)..];
        section = section[..section.IndexOf("\n## ", 1, StringComparison.Ordinal)];

        var messages = Messages().Matches(section).Select(row => row.Groups[1].Value).ToList();

        Assert.That(messages, Has.Count.GreaterThan(10));
        Assert.That(messages.Where(message => !source.Contains(message, StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void It_names_every_option()
    {
        var surface = File.ReadAllText(Path.Combine(Repository.Root, "src", "AuthApi.Sessions", "PublicAPI.Unshipped.txt"))
            + File.ReadAllText(Path.Combine(Repository.Root, "src", "AuthApi.Sessions", "PublicAPI.Shipped.txt"));

        var options = Setters().Matches(surface).Select(setter => setter.Groups[1].Value).ToList();

        Assert.That(options, Has.Count.GreaterThan(15));
        Assert.That(options.Where(option => !Document.Contains($"`{option}`", StringComparison.Ordinal)), Is.Empty);
    }

    [GeneratedRegex(@"UserSessionOptions\.(\w+)\.set ")]
    private static partial Regex Setters();

    [GeneratedRegex(@"^(?<indent> *)```diff\n(?<text>.*?)^ *```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Diffs();

    [GeneratedRegex("^[|] `([^`]+)` [|]", RegexOptions.Multiline)]
    private static partial Regex Messages();
}
