using System.Diagnostics;
using System.Text.RegularExpressions;

namespace AuthApi.FaultTests.Harness;

/// <summary>The messages that a program has put into its pickup folder.</summary>
internal static partial class Mailbox
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Reads the messages to an address: the id of each, and the code it has.</summary>
    public static IEnumerable<(string Id, string? Code)> Read(string folder, string email) => Directory.Exists(folder)
        ? Directory.EnumerateFiles(folder, "*.eml")
            .Select(File.ReadAllText)
            .Where(text => text.Contains($"To: {email}", StringComparison.Ordinal))
            .Select(text => (Id().Match(text).Groups[1].Value, Code().Match(text) is { Success: true } match ? match.Groups[1].Value : null))
            .ToList()
        : [];

    /// <summary>Waits until there is a message to an address.</summary>
    public static async Task WaitAsync(string folder, string email)
    {
        var began = Stopwatch.GetTimestamp();
        while (!Read(folder, email).Any())
        {
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(Patience), $"{email} has no message");
            await Task.Delay(20);
        }
    }

    [GeneratedRegex(@"^Message-Id: <(.+)>", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex Id();

    [GeneratedRegex(@"^([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})\r?$", RegexOptions.Multiline)]
    private static partial Regex Code();
}
