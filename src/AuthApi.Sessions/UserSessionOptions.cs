using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;

namespace AuthApi.Sessions;

/// <summary>How long sessions live, what their cookie is, and where a page application sends its visitors. The configuration section <c>Sessions</c>.</summary>
public sealed class UserSessionOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Sessions";

    /// <summary>A session not used for this long ends (ASVS 7.3.1).</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>A session this old ends, however much it is used (ASVS 7.3.2).</summary>
    public TimeSpan AbsoluteTimeout { get; set; } = TimeSpan.FromHours(12);

    /// <summary><see cref="IdleTimeout"/> where the user asked to be remembered.</summary>
    public TimeSpan RememberMeIdleTimeout { get; set; } = TimeSpan.FromDays(14);

    /// <summary><see cref="AbsoluteTimeout"/> where the user asked to be remembered.</summary>
    public TimeSpan RememberMeAbsoluteTimeout { get; set; } = TimeSpan.FromDays(30);

    /// <summary>How long an authentication counts as recent (ASVS 7.5.1).</summary>
    public TimeSpan RecentAuthentication { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How many live sessions a user may have. One more makes the least recently used end (ASVS 7.1.2).</summary>
    public int MaxPerUser { get; set; } = 50;

    /// <summary>The number of sessions that the process caches. Others are read from the store when they are used.</summary>
    public int CacheSize { get; set; } = 5_000;

    /// <summary>How often expired sessions are deleted.</summary>
    public TimeSpan CleanupInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The value of <c>Clear-Site-Data</c> where a session ends whose token is in a cookie, as <c>"storage"</c> with its quotes. Empty sends no
    /// such header: it empties the whole origin, for all pages and tabs.
    /// </summary>
    public string ClearSiteData { get; set; } = "";

    /// <summary>
    /// The name of the session cookie over plain HTTP. Over HTTPS it has <c>__Host-</c> before it, or <c>__Secure-</c> where
    /// <see cref="CookiePath"/> or <see cref="CookieDomain"/> is set.
    /// </summary>
    public string CookieName { get; set; } = SessionCookie.PlainName;

    /// <summary>
    /// <c>SameSite</c> of the cookie: Strict; Lax for an application that other sites link into, or with external logins; None for one that runs in
    /// other sites' frames, which gives up the browser's own protection against cross-site requests.
    /// </summary>
    public SameSiteMode CookieSameSite { get; set; } = SameSiteMode.Strict;

    /// <summary>The path of the cookie. Another than <c>/</c> gives up the prefix <c>__Host-</c>.</summary>
    public string CookiePath { get; set; } = "/";

    /// <summary>The domain of the cookie. One that is set sends the token to every host below it, and gives up the prefix <c>__Host-</c>.</summary>
    public string? CookieDomain { get; set; }

    /// <summary>
    /// Where a browser that asks for a page without a session is redirected. Without it there is never a redirect, and every call is answered 401
    /// with a problem.
    /// </summary>
    public PathString LoginPath { get; set; }

    /// <summary>Where a browser that asks for a page that the user may not see is redirected. Without it the answer is 403 with a problem.</summary>
    public PathString AccessDeniedPath { get; set; }

    /// <summary>The parameter of <see cref="LoginPath"/> that has the address that was asked for.</summary>
    public string ReturnUrlParameter { get; set; } = CookieAuthenticationDefaults.ReturnUrlParameter;

    /// <summary>
    /// Whether a person who is signed in with Identity's own cookie from before is given a session at the first request, once for each cookie,
    /// in place of being asked to sign in. A copy of such a cookie can be used the same way, if it is the first, even after its owner's logout,
    /// until it expires.
    /// </summary>
    public bool CarryOverIdentityCookies { get; set; }

    /// <summary>
    /// Whether all requests of a session have one principal, which nothing may change then: an application that adds claims or identities to the user of a
    /// request leaves it false, and each request gets its own copy.
    /// </summary>
    public bool SharePrincipals { get; set; }

    /// <summary>The realm in <c>WWW-Authenticate</c>; by default the application's name.</summary>
    public string Realm { get; set; } = "";

    internal string Challenge => $"Session realm=\"{Realm}\"";

    // Read in each request.
    internal string SecureCookieName => field ??= (CookiePath == "/" && CookieDomain is null ? SessionCookie.HostPrefix : SessionCookie.SecurePrefix) + CookieName;

    internal TimeSpan IdleTimeoutOf(bool rememberMe) => rememberMe ? RememberMeIdleTimeout : IdleTimeout;

    internal TimeSpan AbsoluteTimeoutOf(bool rememberMe) => rememberMe ? RememberMeAbsoluteTimeout : AbsoluteTimeout;

    /// <summary>How often last uses are written: once a minute, and more often where a minute is much of the idle timeout.</summary>
    internal TimeSpan LastSeenInterval =>
        TimeSpan.FromTicks(Math.Clamp(Math.Min(IdleTimeout.Ticks, RememberMeIdleTimeout.Ticks) / 30, TimeSpan.TicksPerSecond, TimeSpan.TicksPerMinute));
}
