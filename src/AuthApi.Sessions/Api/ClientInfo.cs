using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace AuthApi.Sessions;

/// <summary>What a request says of the client that sent it. Nothing is decided by it; it is shown to the owner of the account.</summary>
/// <param name="IpAddress">The address it came from, or that a known proxy says it came from.</param>
/// <param name="UserAgent">Its <c>User-Agent</c>, at most 512 characters, control characters made spaces so that none can forge a line anywhere.</param>
public readonly record struct ClientInfo(string? IpAddress, string? UserAgent)
{
    private const int MaxUserAgent = 512;

    /// <summary>The client in words that a person recognizes, from its <c>User-Agent</c>; <see langword="null"/> where it named none.</summary>
    public string? Device => DeviceName.Of(UserAgent);

    /// <summary>The client of a request.</summary>
    /// <param name="context">The request.</param>
    public static ClientInfo Of(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var address = context.Connection.RemoteIpAddress;
        return new ClientInfo(
            (address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address)?.ToString(),
            Printable(context.Request.Headers.UserAgent.ToString()));
    }

    private static string? Printable(string text)
    {
        // As nearly all are: nothing has to be replaced.
        if (text.Length is > 0 and <= MaxUserAgent && !text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return text;
        }

        Span<char> printable = stackalloc char[MaxUserAgent];
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            // Whole characters only: half of one is no text. Nor any that turns the direction of the text that follows.
            if (length + rune.Utf16SequenceLength > MaxUserAgent)
            {
                break;
            }

            var shown = Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format ? new Rune(' ') : rune;
            length += shown.EncodeToUtf16(printable[length..]);
        }

        return length == 0 ? null : new string(printable[..length]);
    }
}
