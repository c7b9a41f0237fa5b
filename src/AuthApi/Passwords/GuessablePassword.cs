using System.Globalization;
using System.Text;
using AuthApi.Api;

namespace AuthApi.Passwords;

/// <summary>Why a password is easy to guess.</summary>
internal enum GuessableReason
{
    Repetition,
    Sequence,
    Common,
    Expected,
}

/// <summary>
/// Finds passwords that a guesser tries early: a common one, one that is expected of this user, a row of keys, a repetition, and a few of
/// those put together (NIST SP 800-63B-4, 3.1.1.2). It does not estimate strength: words that are not common passwords pass.
/// </summary>
/// <remarks>
/// A password is covered with pieces, each of which has a price: nothing for an expected word, 1 for a very common password, a row of keys or
/// a year, 2 for a common password, 1 for any other character. One that can be covered for 3 or less is easy to guess. Takes time in
/// proportion to the length of the password.
/// </remarks>
internal static class GuessablePassword
{
    private const int Affordable = 3;
    private const int MinSequence = 4;
    private const int MaxRepeated = 8;

    private static readonly string[] Rows =
    [
        "abcdefghijklmnopqrstuvwxyz", "12345678901", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "1q2w3e4r5t6y7u8i9o0p", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю", "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    ];

    private static readonly HashSet<(char, char)> Neighbours = [.. Rows.SelectMany(row => row.Zip(row.Skip(1)))];

    /// <summary>Why the password is easy to guess; <see langword="null"/> if it is not.</summary>
    /// <param name="password">The password.</param>
    /// <param name="expected">What a guesser expects of this user: the address, the name, the service, whole and in parts.</param>
    /// <param name="minLength">The minimum number of characters that must be left when what the password repeats is counted once.</param>
    public static GuessableReason? Find(string password, IEnumerable<string> expected, int minLength)
    {
        if (Period(password) is { } period && MaxCharactersAttribute.Count(password[..period]) < minLength)
        {
            return GuessableReason.Repetition;
        }

        var words = expected.Select(word => Reading.Of(word, isDisguised: false).Text).Where(word => word.Length > 2).Distinct(StringComparer.Ordinal).ToList();
        var (plain, undisguised) = (Reading.Of(password, isDisguised: false), Reading.Of(password, isDisguised: true));
        return new[] { plain, undisguised, plain.Reversed(), undisguised.Reversed() }
            .Distinct()
            .Select(reading => Cover(reading, words))
            .FirstOrDefault(reason => reason is not null);
    }

    // The length of the part that a text repeats to its end (the failure function of Knuth, Morris and Pratt).
    private static int? Period(string text)
    {
        var border = new int[text.Length + 1];
        for (int i = 1, length = 0; i < text.Length; i++)
        {
            while (length > 0 && text[i] != text[length])
            {
                length = border[length];
            }

            border[i + 1] = text[i] == text[length] ? ++length : length;
        }

        var period = text.Length - border[text.Length];
        return period * 2 <= text.Length ? period : null;
    }

    private static GuessableReason? Cover(Reading reading, List<string> expected)
    {
        var text = reading.Text;
        var prices = new (int Price, Pieces Pieces, int Last)[text.Length + 1];
        Array.Fill(prices, (int.MaxValue, Pieces.None, 0));
        prices[0] = (reading.Signs, Pieces.None, 0);
        var (sequences, repeats) = (SequenceLengths(text), RepeatLengths(text));

        // No further than a piece reaches that can be afforded: of most passwords, the first few characters.
        for (int from = 0, reach = 0; from <= reach && from < text.Length; from++)
        {
            var (price, pieces, last) = prices[from];
            if (price > Affordable)
            {
                continue;
            }

            var rest = text.AsSpan(from);
            Take(1, 1, Pieces.None);
            foreach (var word in expected)
            {
                if (rest.StartsWith(word, StringComparison.Ordinal))
                {
                    Take(word.Length, 0, Pieces.Expected);
                }
            }

            for (var length = CommonPasswords.MinLength; length <= Math.Min(CommonPasswords.MaxLength, rest.Length); length++)
            {
                if (CommonPasswords.Contains(rest[..length], out var isVeryCommon))
                {
                    var isRepeated = last == length && text.AsSpan(from - length, length).SequenceEqual(rest[..length]);
                    Take(length, isRepeated ? 0 : isVeryCommon ? 1 : 2, Pieces.Common);
                }
            }

            for (var length = 1; length <= rest.Length && char.IsAsciiDigit(rest[length - 1]) && length <= 8; length++)
            {
                if (length <= 4 || (length == 8 && IsDate(rest[..8])))
                {
                    Take(length, 1, Pieces.None);
                }
            }

            if (sequences[from] >= MinSequence)
            {
                Take(sequences[from], 1, Pieces.Sequence);
            }

            for (var unit = 1; unit <= MaxRepeated; unit++)
            {
                if (repeats[unit][from] >= 2 * unit)
                {
                    Take(unit + repeats[unit][from], unit == 1 ? 1 : 2, Pieces.Repetition);
                }
            }

            void Take(int length, int more, Pieces piece)
            {
                if (price + more < prices[from + length].Price)
                {
                    prices[from + length] = (price + more, pieces | piece, length);
                    reach = price + more <= Affordable ? Math.Max(reach, from + length) : reach;
                }
            }
        }

        var (total, used, _) = prices[text.Length];
        return total > Affordable ? null
            : used.HasFlag(Pieces.Expected) ? GuessableReason.Expected
            : used.HasFlag(Pieces.Common) ? GuessableReason.Common
            : used.HasFlag(Pieces.Sequence) ? GuessableReason.Sequence
            : GuessableReason.Repetition;
    }

    private static bool IsDate(ReadOnlySpan<char> digits) =>
        digits.StartsWith("19") || digits.StartsWith("20") || digits[4..].StartsWith("19") || digits[4..].StartsWith("20");

    // How many characters from each place are neighbours on a keyboard or in the alphabet, in one direction.
    private static int[] SequenceLengths(string text)
    {
        var (up, down) = (new int[text.Length], new int[text.Length]);
        for (var i = text.Length - 1; i >= 0; i--)
        {
            up[i] = i + 1 < text.Length && Neighbours.Contains((text[i], text[i + 1])) ? up[i + 1] + 1 : 1;
            down[i] = i + 1 < text.Length && Neighbours.Contains((text[i + 1], text[i])) ? down[i + 1] + 1 : 1;
        }

        return [.. up.Zip(down, Math.Max)];
    }

    // How many characters from each place are the same as those so many places further on, for each number of places.
    private static int[][] RepeatLengths(string text)
    {
        var lengths = new int[MaxRepeated + 1][];
        for (var unit = 1; unit <= MaxRepeated; unit++)
        {
            var same = lengths[unit] = new int[text.Length];
            for (var i = text.Length - unit - 1; i >= 0; i--)
            {
                same[i] = text[i] == text[i + unit] ? (i + 1 < text.Length ? same[i + 1] : 0) + 1 : 0;
            }
        }

        return lengths;
    }

    [Flags]
    private enum Pieces
    {
        None = 0,
        Expected = 1,
        Common = 2,
        Sequence = 4,
        Repetition = 8,
    }

    /// <summary>A password without what disguises it.</summary>
    /// <param name="Text">Its letters and digits in one form and in lower case.</param>
    /// <param name="Signs">What its signs cost: the first two, and spaces, are no disguise.</param>
    private sealed record Reading(string Text, int Signs)
    {
        private const int FreeSigns = 2;

        public static Reading Of(string password, bool isDisguised)
        {
            var text = new StringBuilder(password.Length);
            var signs = new HashSet<Rune>();
            foreach (var rune in Compatible(password).EnumerateRunes().Select(rune => isDisguised ? Undisguise(rune) : rune))
            {
                if (Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark)
                {
                    text.Append(Rune.ToLowerInvariant(rune));
                }
                else if (!Rune.IsWhiteSpace(rune) && rune.Value is not ('-' or '_' or '.'))
                {
                    signs.Add(rune);
                }
            }

            return new Reading(text.ToString(), Math.Max(0, signs.Count - FreeSigns));
        }

        public Reading Reversed()
        {
            var reversed = Text.ToCharArray();
            Array.Reverse(reversed);
            return this with { Text = new string(reversed) };
        }

        // Wide letters, ligatures and the like.
        private static string Compatible(string text)
        {
            try
            {
                return text.Normalize(NormalizationForm.FormKC);
            }
            catch (ArgumentException)
            {
                return text; // has code points that are no characters
            }
        }

        private static Rune Undisguise(Rune rune) => rune.Value switch
        {
            '@' or '4' => new Rune('a'),
            '3' => new Rune('e'),
            '1' or '!' => new Rune('i'),
            '0' => new Rune('o'),
            '5' or '$' => new Rune('s'),
            '7' => new Rune('t'),
            _ => rune,
        };
    }
}
