using System.Globalization;
using System.Text;

namespace AuthApi.Identity;

/// <summary>
/// Reads e-mail addresses so that one mailbox is one account: an international domain in either of its forms, the local part in Unicode's
/// normalization form C, no case (RFC 5321, RFC 6531, RFC 5890).
/// </summary>
internal static class EmailAddress
{
    public const int MaxLength = 254;

    private const int MaxLocalPartBytes = 64;
    private const int MaxLabelLength = 63;
    private const string NotAnAddress = "This is not an e-mail address.";

    // Beside letters and digits (RFC 5322, 3.2.3).
    private const string AtomSigns = "!#$%&'*+-/=?^_`{|}~";

    private static readonly IdnMapping Idn = new() { UseStd3AsciiRules = true };

    /// <summary>Why this is not an address that an account can have; <see langword="null"/> if it is one. Spaces around it do not count.</summary>
    public static string? FindError(string text)
    {
        text = text.Trim();
        var at = text.LastIndexOf('@');
        if (text.Length > MaxLength || at <= 0 || at == text.Length - 1)
        {
            return NotAnAddress;
        }

        var (local, domain) = (text[..at], text[(at + 1)..]);
        return local.StartsWith('"') ? "An address with quotes is not supported."
            : Encoding.UTF8.GetByteCount(local) > MaxLocalPartBytes ? "What is before the @ must have at most 64 characters."
            : !local.Split('.').All(IsAtom) ? NotAnAddress
            : domain.EndsWith('.') ? "The domain must not end with a dot."
            : domain.Split('.').Any(label => label.Length > MaxLabelLength) ? "Each part of the domain must have at most 63 characters."
            : !domain.EnumerateRunes().All(IsVisible) || ToAscii(domain) is null ? NotAnAddress
            : null;
    }

    /// <summary>The form in which addresses are compared and indexed. What is not an address is compared as it is, without case.</summary>
    public static string Normalize(string text)
    {
        text = text.Trim();
        var at = text.LastIndexOf('@');
        return at > 0 && ToAscii(text[(at + 1)..].TrimEnd('.')) is { } domain
            ? Fold(text[..at]) + "@" + domain.ToUpperInvariant()
            : Fold(text);
    }

    /// <summary>
    /// All forms in which the address may be indexed, today's first. Earlier versions indexed the domain as it was typed. None for a text with a NUL: no
    /// account has one, and PostgreSQL takes none to compare with.
    /// </summary>
    public static List<string> IndexedForms(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            return [];
        }

        var normalized = Normalize(text);
        var at = normalized.LastIndexOf('@');
        string[] forms = Ascii.IsValid(text) && !normalized.Contains("XN--", StringComparison.Ordinal)
            ? [normalized]
            : [normalized, text.Trim().ToUpperInvariant(), Fold(normalized[..(at + 1)] + ToUnicode(normalized[(at + 1)..]))];
        return [.. forms.Distinct(StringComparer.Ordinal)];
    }

    private static bool IsAtom(string atom) => atom.Length > 0 && atom.EnumerateRunes().All(rune => rune.IsAscii
        ? Rune.IsLetterOrDigit(rune) || AtomSigns.Contains((char)rune.Value, StringComparison.Ordinal)
        : IsVisible(rune));

    // IdnMapping removes some of the others without a word.
    private static bool IsVisible(Rune rune) => rune != Rune.ReplacementChar && Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse);

    private static string Fold(string text)
    {
        try
        {
            return text.Normalize(NormalizationForm.FormC).ToUpperInvariant();
        }
        catch (ArgumentException)
        {
            return text.ToUpperInvariant(); // has code points that are no characters
        }
    }

    private static string? ToAscii(string domain)
    {
        try
        {
            return Idn.GetAscii(domain);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static string ToUnicode(string domain)
    {
        try
        {
            return Idn.GetUnicode(domain);
        }
        catch (ArgumentException)
        {
            return domain;
        }
    }
}
