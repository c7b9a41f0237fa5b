using System.Collections.Frozen;
using System.Reflection;

namespace AuthApi.Passwords;

/// <summary>The commonest passwords of published breaches, with their rank. The list names its source in its first lines.</summary>
internal static class CommonPasswords
{
    /// <summary>The maximum length of a password of the list.</summary>
    public const int MaxLength = 24;

    /// <summary>The minimum length of a password of the list.</summary>
    public const int MinLength = 4;

    private const int VeryCommon = 1_000;

    // Read when the first password is checked.
    private static readonly Lazy<FrozenDictionary<string, int>.AlternateLookup<ReadOnlySpan<char>>> Ranks = new(() => Read().GetAlternateLookup<ReadOnlySpan<char>>());

    /// <summary>Whether this is a common password, in lower case, and whether it is one of the first thousand.</summary>
    public static bool Contains(ReadOnlySpan<char> text, out bool isVeryCommon)
    {
        var isCommon = Ranks.Value.TryGetValue(text, out var rank);
        isVeryCommon = isCommon && rank < VeryCommon;
        return isCommon;
    }

    private static FrozenDictionary<string, int> Read()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("common-passwords.txt")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line[0] != '#')
            .Index()
            .ToFrozenDictionary(line => line.Item, line => line.Index, StringComparer.Ordinal);
    }
}
