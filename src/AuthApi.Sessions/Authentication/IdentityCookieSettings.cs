using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Takes over what the application has set for Identity's cookie (<c>ConfigureApplicationCookie</c>): its paths, name, attributes and timeouts. What
/// the framework sets by itself is not taken over, but for the paths of the pages.
/// </summary>
internal sealed partial class IdentityCookieSettings(IServiceProvider services) : IConfigureOptions<UserSessionOptions>
{
    private static readonly CookieAuthenticationEvents DefaultEvents = new();
    private static readonly CookieAuthenticationOptions Default = new();

    // As UserSessionOptionsValidator has it.
    private static readonly TimeSpan MaxTimeout = TimeSpan.FromDays(366);

    public void Configure(UserSessionOptions options)
    {
        if (Find(services) is not { } cookie)
        {
            return;
        }

        options.LoginPath = cookie.LoginPath;
        options.AccessDeniedPath = cookie.AccessDeniedPath;
        options.ReturnUrlParameter = cookie.ReturnUrlParameter;
        if (cookie.Cookie.Name is { } name && name != CookieAuthenticationDefaults.CookiePrefix + Uri.EscapeDataString(IdentityConstants.ApplicationScheme))
        {
            options.CookieName = WithoutPrefix(name);
        }

        if (cookie.Cookie.SameSite is not (SameSiteMode.Lax or SameSiteMode.Unspecified))
        {
            options.CookieSameSite = cookie.Cookie.SameSite;
        }

        options.CookieDomain = cookie.Cookie.Domain;
        options.CookiePath = cookie.Cookie.Path ?? options.CookiePath;
        if (cookie.ExpireTimeSpan != Default.ExpireTimeSpan)
        {
            TakeOverTimeout(cookie, options);
        }
    }

    /// <summary>Logs a line for each setting of Identity's cookie that has no meaning for a session.</summary>
    public static void LogNotTakenOver(IServiceProvider services)
    {
        if (Find(services) is { } cookie)
        {
            var logger = services.GetRequiredService<ILogger<IdentityCookieSettings>>();
            foreach (var (setting, instead) in NotTakenOver(cookie))
            {
                Log.NotTakenOver(logger, setting, instead);
            }
        }
    }

    private static IEnumerable<(string Setting, string Instead)> NotTakenOver(CookieAuthenticationOptions cookie)
    {
        if (!cookie.Cookie.HttpOnly)
        {
            yield return ("Cookie.HttpOnly = false", "scripts never read the token");
        }

        if (cookie.Cookie.SecurePolicy == CookieSecurePolicy.None)
        {
            yield return ("Cookie.SecurePolicy = None", "outside Development a session is served over HTTPS only");
        }

        if (cookie.Cookie.MaxAge is not null || cookie.Cookie.Expiration is not null)
        {
            yield return ("Cookie.MaxAge", "a remembered session's cookie lives as long as the session; set Sessions:RememberMeAbsoluteTimeout");
        }

        if (cookie.SessionStore is not null)
        {
            yield return ("SessionStore", "sessions are stored by AddServerSideSessions; remove it");
        }

        if (cookie.ForwardDefault is not null || cookie.ForwardDefaultSelector is not null || cookie.ForwardAuthenticate is not null || cookie.ForwardChallenge is not null
            || cookie.ForwardForbid is not null || cookie.ForwardSignIn is not null || cookie.ForwardSignOut is not null)
        {
            yield return ("A Forward… option", "sessions forward to no other scheme; choose between schemes by AddPolicyScheme, and name that as the default");
        }

        if (!cookie.SlidingExpiration && cookie.ExpireTimeSpan == Default.ExpireTimeSpan)
        {
            yield return ("SlidingExpiration = false", "a session ends unused as well as in all; set Sessions:AbsoluteTimeout and Sessions:RememberMeAbsoluteTimeout");
        }

        if (cookie.ExpireTimeSpan > MaxTimeout)
        {
            yield return ($"ExpireTimeSpan = {cookie.ExpireTimeSpan:c}", $"a session lives at most {MaxTimeout.Days} days");
        }

        if (cookie.Cookie.Extensions.Count > 0)
        {
            yield return ("Cookie.Extensions", "the session cookie has no other attributes");
        }

        if (cookie.CookieManager is not null and not ChunkingCookieManager)
        {
            yield return ("CookieManager", "the session cookie is short, and is not written by it");
        }

        if (cookie.EventsType is not null || cookie.Events.GetType() != typeof(CookieAuthenticationEvents))
        {
            yield return ("Events", "none of the cookie's events is raised");
            yield break;
        }

        foreach (var (name, isSet) in new[]
        {
            ("OnRedirectToLogin", cookie.Events.OnRedirectToLogin != DefaultEvents.OnRedirectToLogin),
            ("OnRedirectToAccessDenied", cookie.Events.OnRedirectToAccessDenied != DefaultEvents.OnRedirectToAccessDenied),
            ("OnRedirectToLogout", cookie.Events.OnRedirectToLogout != DefaultEvents.OnRedirectToLogout),
            ("OnRedirectToReturnUrl", cookie.Events.OnRedirectToReturnUrl != DefaultEvents.OnRedirectToReturnUrl),
            ("OnSigningIn", cookie.Events.OnSigningIn != DefaultEvents.OnSigningIn),
            ("OnSignedIn", cookie.Events.OnSignedIn != DefaultEvents.OnSignedIn),
            ("OnSigningOut", cookie.Events.OnSigningOut != DefaultEvents.OnSigningOut),
            ("OnCheckSlidingExpiration", cookie.Events.OnCheckSlidingExpiration != DefaultEvents.OnCheckSlidingExpiration),
            ("OnValidatePrincipal", cookie.Events.OnValidatePrincipal != DefaultEvents.OnValidatePrincipal
                && cookie.Events.OnValidatePrincipal.Method.DeclaringType != typeof(SecurityStampValidator)),
        })
        {
            if (isSet)
            {
                yield return ($"Events.{name}", "it is not raised; a browser's navigation is redirected, anything else gets a problem, and sessions end with the security stamp");
            }
        }
    }

    // Only where the cookie handler was registered; else these options have been set for nothing.
    private static CookieAuthenticationOptions? Find(IServiceProvider services) =>
        services.GetServices<IPostConfigureOptions<CookieAuthenticationOptions>>().Any()
            ? services.GetRequiredService<IOptionsMonitor<CookieAuthenticationOptions>>().Get(IdentityConstants.ApplicationScheme)
            : null;

    private static void TakeOverTimeout(CookieAuthenticationOptions cookie, UserSessionOptions options)
    {
        var timeout = cookie.ExpireTimeSpan > MaxTimeout ? MaxTimeout : cookie.ExpireTimeSpan;
        if (!cookie.SlidingExpiration)
        {
            options.AbsoluteTimeout = options.RememberMeAbsoluteTimeout = timeout;
        }

        options.IdleTimeout = options.RememberMeIdleTimeout = timeout;
        options.AbsoluteTimeout = Max(options.AbsoluteTimeout, timeout);
        options.RememberMeAbsoluteTimeout = Max(options.RememberMeAbsoluteTimeout, timeout);
    }

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;

    private static string WithoutPrefix(string name) =>
        name.StartsWith(SessionCookie.HostPrefix, StringComparison.Ordinal) ? name[SessionCookie.HostPrefix.Length..]
        : name.StartsWith(SessionCookie.SecurePrefix, StringComparison.Ordinal) ? name[SessionCookie.SecurePrefix.Length..]
        : name;

    private static partial class Log
    {
        [LoggerMessage(207, LogLevel.Warning, "{Setting} of Identity's cookie does not hold for sessions: {Instead}.")]
        public static partial void NotTakenOver(ILogger logger, string setting, string instead);
    }
}
