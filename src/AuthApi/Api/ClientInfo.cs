using System.Globalization;

namespace AuthApi.Api;

/// <summary>What a request says of the client that sent it. Nothing is decided by it; it is shown to the owner of the account.</summary>
/// <param name="IpAddress">The address it came from, or that a known proxy says it came from.</param>
/// <param name="UserAgent">Its <c>User-Agent</c>, at most 512 characters, control characters made spaces so that none can forge a line anywhere.</param>
public readonly record struct ClientInfo(string? IpAddress, string? UserAgent)
{
    private const int MaxUserAgent = 512;

    public static ClientInfo Of(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        return new ClientInfo(
            (address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address)?.ToString(),
            Printable(context.Request.Headers.UserAgent.ToString()));
    }

    private static string? Printable(string text) => text.Length == 0
        ? null
        : string.Create(Math.Min(text.Length, MaxUserAgent), text, static (target, source) =>
        {
            for (var i = 0; i < target.Length; i++)
            {
                // Nor what turns the direction of the text that follows.
                target[i] = char.GetUnicodeCategory(source[i]) is UnicodeCategory.Control or UnicodeCategory.Format ? ' ' : source[i];
            }
        });
}
