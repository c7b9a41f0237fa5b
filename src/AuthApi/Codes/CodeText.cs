using System.Security.Cryptography;

namespace AuthApi.Codes;

/// <summary>
/// The text of a code: random characters of Crockford's base 32, five bits each, in groups of four. It can be typed from a phone or paper; case, spaces and
/// hyphens do not count, and letters that look like digits are those.
/// </summary>
internal static class CodeText
{
    /// <summary>The groups of a code that is mailed: 12 characters, 60 bits.</summary>
    public const int Mailed = 3;

    private const int Group = 4;
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    public static string Create(int groups = Mailed) =>
        string.Join('-', RandomNumberGenerator.GetString(Alphabet, groups * Group).Chunk(Group).Select(group => new string(group)));

    /// <summary>The characters that count; <see langword="null"/> if this is no code.</summary>
    public static string? Normalize(string text, int groups = Mailed)
    {
        var code = string.Concat(text.Where(character => !char.IsWhiteSpace(character) && character is not '-').Select(character => char.ToUpperInvariant(character) switch
        {
            'O' => '0',
            'I' or 'L' => '1',
            var other => other,
        }));
        return code.Length == groups * Group && code.All(Alphabet.Contains) ? code : null;
    }
}
