namespace AuthApi.Sessions;

/// <summary>
/// The cookie that carries a session's token: <c>__Host-session</c> over HTTPS, where the prefix keeps sibling hosts and plain
/// HTTP from planting one (RFC 6265bis, ASVS 3.3.3), and <c>session</c> over plain HTTP.
/// </summary>
internal static class SessionCookie
{
    public const string SecureName = "__Host-session";
    public const string PlainName = "session";

    public static string NameFor(HttpRequest request) => request.IsHttps ? SecureName : PlainName;

    /// <summary>
    /// Reads the cookie from the header as it came: the framework's collection ignores case in names, and takes the last of
    /// two that differ, so a cookie planted beside the real one would win.
    /// </summary>
    /// <returns>Whether a session cookie came; <paramref name="token"/> is empty if there were two with different values.</returns>
    public static bool TryRead(HttpRequest request, out ReadOnlySpan<char> token)
    {
        token = default;
        var found = false;
        var name = NameFor(request);
        foreach (var header in request.Headers.Cookie)
        {
            foreach (var range in header.AsSpan().Split(';'))
            {
                var pair = header.AsSpan(range).Trim(' ');
                if (!pair.StartsWith(name, StringComparison.Ordinal) || pair.Length <= name.Length || pair[name.Length] != '=')
                {
                    continue;
                }

                var value = pair[(name.Length + 1)..];
                if (found && !value.SequenceEqual(token))
                {
                    token = default;
                    return true;
                }

                token = value;
                found = true;
            }
        }

        return found;
    }

    /// <summary>Gives the client its token; beyond the end of the browser's session only until <paramref name="expiresAt"/>.</summary>
    public static void Append(HttpContext context, SessionToken token, DateTimeOffset? expiresAt)
    {
        var options = Options(context.Request);
        options.Expires = expiresAt;
        Set(context, token.Reveal(), options);
    }

    /// <summary>Tells the client to drop the cookie, with the attributes that it was set with.</summary>
    public static void Remove(HttpContext context)
    {
        var options = Options(context.Request);
        options.Expires = DateTimeOffset.UnixEpoch;
        options.MaxAge = TimeSpan.Zero;
        Set(context, "", options);
    }

    // Nobody on the way is to keep an answer with a cookie of one client and give it to another.
    private static void Set(HttpContext context, string value, CookieOptions options)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Cookies.Append(NameFor(context.Request), value, options);
    }

    private static CookieOptions Options(HttpRequest request) => new()
    {
        HttpOnly = true,
        IsEssential = true,
        Path = "/",
        SameSite = SameSiteMode.Strict,
        Secure = request.IsHttps,
    };
}
