using System.Globalization;
using System.Text;

namespace AuthApi.Passwords;

/// <summary>
/// The form in which passwords are compared, whatever keyboard typed them: spaces of any kind are U+0020, and the text is in Unicode's
/// normalization form C (RFC 8265, 4.2, the OpaqueString profile).
/// </summary>
internal static class OpaqueString
{
    /// <summary>The password in that form. One with code points that are no characters has no such form, and stays as it is.</summary>
    public static string Enforce(string password)
    {
        if (Ascii.IsValid(password))
        {
            return password;
        }

        var spaced = string.Create(password.Length, password, static (target, source) =>
        {
            for (var i = 0; i < source.Length; i++)
            {
                target[i] = char.GetUnicodeCategory(source[i]) == UnicodeCategory.SpaceSeparator ? ' ' : source[i];
            }
        });
        try
        {
            return spaced.Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            return password;
        }
    }
}
