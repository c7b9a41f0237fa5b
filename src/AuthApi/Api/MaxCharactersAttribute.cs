using System.ComponentModel.DataAnnotations;

namespace AuthApi.Api;

/// <summary>A maximum number of characters, where a character is a Unicode code point (NIST SP 800-63B-4, 3.1.1.2) and not half of one.</summary>
internal sealed class MaxCharactersAttribute(int max) : MaxLengthAttribute(max)
{
    public static int Count(string text) => text.EnumerateRunes().Count();

    public override bool IsValid(object? value) => value is not string text || Count(text) <= Length;
}
