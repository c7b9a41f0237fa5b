using System.Security.Cryptography;

namespace AuthApi.Codes;

/// <summary>
/// The text of a code: 12 random characters of Crockford's base 32, 60 bits, in groups of four. Short enough to type from a phone; case, spaces and hyphens do
/// not count, and letters that look like digits are those.
/// </summary>
internal static class CodeText
{
    private const int Length = 12;
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    public static string Create()
    {
        var code = RandomNumberGenerator.GetString(Alphabet, Length);
        return $"{code[..4]}-{code[4..8]}-{code[8..]}";
    }

    /// <summary>The characters that count; <see langword="null"/> if this is no code.</summary>
    public static string? Normalize(string text)
    {
        var code = string.Concat(text.Where(character => !char.IsWhiteSpace(character) && character is not '-').Select(character => char.ToUpperInvariant(character) switch
        {
            'O' => '0',
            'I' or 'L' => '1',
            var other => other,
        }));
        return code.Length == Length && code.All(Alphabet.Contains) ? code : null;
    }
}
