namespace AuthApi.Sessions;

/// <summary>The header that carries a session's token for clients without a cookie jar: <c>Authorization: Session TOKEN</c>.</summary>
internal static class SessionHeader
{
    private const string Scheme = "Session";

    /// <summary>
    /// Reads the token. The scheme's name may be in any case (RFC 9110, 11.1); what follows it is the token, to the letter.
    /// Another scheme is none of ours.
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

            token = found ? default : value[Math.Min(value.Length, Scheme.Length + 1)..];
            found = true;
        }

        return found;
    }
}
