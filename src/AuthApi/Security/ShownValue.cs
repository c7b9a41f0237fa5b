namespace AuthApi.Security;

/// <summary>Makes a refused value of a client safe for a problem and a log line.</summary>
internal static class ShownValue
{
    private const int MaxLength = 128;

    /// <summary>Returns at most 128 characters of the value, with <c>?</c> for each that is not printable ASCII.</summary>
    public static string Of(string? value)
    {
        var text = value ?? "";
        return string.Create(Math.Min(text.Length, MaxLength), text, static (shown, text) =>
        {
            for (var i = 0; i < shown.Length; i++)
            {
                shown[i] = text[i] is >= ' ' and <= '~' ? text[i] : '?';
            }
        });
    }
}
