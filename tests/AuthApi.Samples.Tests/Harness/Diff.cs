namespace AuthApi.Samples.Tests;

/// <summary>
/// A change in the form that <c>docs/adopt.md</c> shows it: after <c>--- FILE</c> the lines that are there (with a space or a minus) and those that
/// come (with a plus), and <c>@@</c> between places of one file.
/// </summary>
internal static class Diff
{
    /// <summary>Makes the change in the files of a folder. Each place must be there exactly once.</summary>
    public static void Apply(string diff, string folder) => Replace(Places(diff), folder);

    /// <summary>Undoes the change.</summary>
    public static void Revert(string diff, string folder) => Replace(Places(diff).Select(place => (place.File, place.After, place.Before)), folder);

    private static void Replace(IEnumerable<(string File, List<string> Before, List<string> After)> places, string folder)
    {
        foreach (var (file, before, after) in places)
        {
            var path = Path.Combine(folder, file);
            var text = File.ReadAllText(path);
            var newLine = text.Contains("\r\n", StringComparison.Ordinal) ? "\r\n" : "\n";
            var parts = text.Split(string.Join(newLine, before));
            Assert.That(parts, Has.Length.EqualTo(2), $"{file} must have once:\n{string.Join('\n', before)}");
            File.WriteAllText(path, string.Join(string.Join(newLine, after), parts));
        }
    }

    private static IEnumerable<(string File, List<string> Before, List<string> After)> Places(string diff)
    {
        var file = "";
        List<string> before = [], after = [];
        foreach (var line in diff.TrimEnd('\n').Split('\n').Append("@@"))
        {
            if (line.StartsWith("--- ", StringComparison.Ordinal) || line == "@@")
            {
                if (before.Count > 0)
                {
                    yield return (file, before, after);
                }

                (before, after) = ([], []);
                file = line == "@@" ? file : line[4..];
                continue;
            }

            if (line is not ['+', ..] and not "")
            {
                before.Add(line[1..]);
            }

            if (line is not ['-', ..] and not "")
            {
                after.Add(line[1..]);
            }
        }
    }
}
