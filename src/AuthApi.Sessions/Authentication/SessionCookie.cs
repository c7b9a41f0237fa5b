using Microsoft.AspNetCore.Http;

namespace AuthApi.Sessions;

/// <summary>
/// The cookie that carries a session's token: <c>__Host-session</c> over HTTPS, where the prefix keeps sibling hosts and plain
/// HTTP from planting one (RFC 6265bis, ASVS 3.3.3), and <c>session</c> over plain HTTP; or another name by <c>Sessions:CookieName</c>.
/// </summary>
internal static class SessionCookie
{
    /// <summary>The name over plain HTTP, unless another is configured.</summary>
    public const string PlainName = "session";

    /// <summary>Kept by a browser only where the cookie is secure, of this host alone, and for all paths.</summary>
    public const string HostPrefix = "__Host-";

    /// <summary>Kept by a browser only where the cookie is secure.</summary>
    public const string SecurePrefix = "__Secure-";

    // A logout with more session cookies than these ends the first.
    private const int MaxValues = 4;

    /// <summary>The name of the cookie, as this request has it.</summary>
    public static string NameFor(HttpRequest request, UserSessionOptions options) => request.IsHttps ? options.SecureCookieName : options.CookieName;

    /// <summary>
    /// Reads the cookie from the header as it came: the framework's collection ignores case in names, and takes the last of
    /// two that differ, so a cookie planted beside the real one would win.
    /// </summary>
    /// <returns>Whether a session cookie came.</returns>
    public static bool TryRead(HttpRequest request, string name, out ReadOnlySpan<char> token, out bool isAmbiguous)
    {
        token = default;
        isAmbiguous = false;
        var found = false;
        foreach (var header in request.Headers.Cookie)
        {
            foreach (var range in header.AsSpan().Split(';'))
            {
                if (!TryReadValue(header.AsSpan(range), name, out var value))
                {
                    continue;
                }

                if (found && !value.SequenceEqual(token))
                {
                    token = default;
                    isAmbiguous = true;
                    return true;
                }

                token = value;
                found = true;
            }
        }

        return found;
    }

    /// <summary>The different values of the cookie that came, at most four of them.</summary>
    public static IReadOnlyCollection<string> ReadAll(HttpRequest request, string name)
    {
        var values = new HashSet<string>(StringComparer.Ordinal);
        foreach (var header in request.Headers.Cookie)
        {
            foreach (var range in header.AsSpan().Split(';'))
            {
                if (values.Count < MaxValues && TryReadValue(header.AsSpan(range), name, out var value))
                {
                    values.Add(value.ToString());
                }
            }
        }

        return values;
    }

    /// <summary>Gives the client its token. A remembered session's cookie outlives the browser, until the session ends at the latest.</summary>
    public static void Append(HttpContext context, SessionToken token, UserSession session, UserSessionOptions options)
    {
        var cookie = CreateCookie(context.Request, options);
        if (session.RememberMe)
        {
            // Max-Age wins where both are understood (RFC 6265bis, 5.6), and does not go by the client's clock.
            cookie.Expires = session.AbsoluteExpiresAt;
            // The token is as old as the session, or as its renewal.
            var issuedAt = session.AuthenticatedAt > session.CreatedAt ? session.AuthenticatedAt : session.CreatedAt;
            cookie.MaxAge = session.AbsoluteExpiresAt - issuedAt;
        }

        Set(context, token.Reveal(), cookie, options);
    }

    /// <summary>Removes the cookie from the client, with the attributes that it was set with.</summary>
    public static void Remove(HttpContext context, UserSessionOptions options)
    {
        var cookie = CreateCookie(context.Request, options);
        cookie.Expires = DateTimeOffset.UnixEpoch;
        cookie.MaxAge = TimeSpan.Zero;
        Set(context, "", cookie, options);
    }

    private static bool TryReadValue(ReadOnlySpan<char> pair, string name, out ReadOnlySpan<char> value)
    {
        pair = pair.Trim(' ');
        value = default;
        if (!pair.StartsWith(name, StringComparison.Ordinal) || pair.Length <= name.Length || pair[name.Length] != '=')
        {
            return false;
        }

        value = pair[(name.Length + 1)..];
        return true;
    }

    // No cache on the way may store a response with a cookie of one client and send it to another.
    private static void Set(HttpContext context, string value, CookieOptions cookie, UserSessionOptions options)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Cookies.Append(NameFor(context.Request, options), value, cookie);
    }

    private static CookieOptions CreateCookie(HttpRequest request, UserSessionOptions options) => new()
    {
        HttpOnly = true,
        IsEssential = true,
        Path = options.CookiePath,
        Domain = options.CookieDomain,

        // Browsers keep None only where it is secure.
        SameSite = options.CookieSameSite == SameSiteMode.None && !request.IsHttps ? SameSiteMode.Lax : options.CookieSameSite,
        Secure = request.IsHttps,
    };
}
