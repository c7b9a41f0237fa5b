using Microsoft.AspNetCore.Http;

namespace AuthApi.Sessions;

/// <summary>The header that carries a session's token for clients without a cookie jar: <c>Authorization: Session TOKEN</c>.</summary>
internal static class SessionHeader
{
    private const string Scheme = "Session";

    /// <summary>
    /// Reads the token. The scheme's name may be in any case, and one or more spaces follow it (RFC 9110, 11.1 and 11.4); the rest is the
    /// token, exactly. A header of another scheme is ignored.
    /// </summary>
    /// <returns>Whether such a header came; <paramref name="token"/> is empty if there were two.</returns>
    public static bool TryRead(HttpRequest request, out ReadOnlySpan<char> token)
    {
        token = default;
        var found = false;
        foreach (var header in request.Headers.Authorization)
        {
            var value = header.AsSpan();
            if (!value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || (value.Length > Scheme.Length && value[Scheme.Length] != ' '))
            {
                continue;
            }

            token = found ? default : value[Scheme.Length..].TrimStart(' ');
            found = true;
        }

        return found;
    }
}
