using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Reads the cookie that Identity set before the application had sessions (<see cref="UserSessionOptions.CarryOverIdentityCookies"/>). The session
/// that it becomes has an id made from the cookie, so that it can become one only once: the events remember the id when the session has ended.
/// </summary>
internal sealed class IdentityCookieCarryOver(
    IOptionsMonitor<CookieAuthenticationOptions> cookies,
    IOptions<IdentityOptions> identity,
    IOptions<AuditOptions> audit,
    IUserSessionStore store,
    TimeProvider time)
{
    // The requests of one page are sent at the same time, each with the old cookie.
    private static readonly TimeSpan SamePage = TimeSpan.FromMinutes(1);

    private CookieAuthenticationOptions Cookie => cookies.Get(IdentityConstants.ApplicationScheme);

    /// <summary>The cookie of a request, if it is valid and has not become a session before the page that is loading.</summary>
    public async Task<IdentityCookie?> ReadAsync(HttpContext context)
    {
        var options = Cookie;
        if (options.Cookie.Name is not { } name
            || options.CookieManager.GetRequestCookie(context, name) is not { Length: > 0 } value
            || options.TicketDataFormat.Unprotect(value) is not { } ticket
            || !IsValid(ticket.Properties.ExpiresUtc)
            || ticket.Principal.FindFirstValue(identity.Value.ClaimsIdentity.UserIdClaimType) is not { } userId
            || ticket.Principal.FindFirstValue(identity.Value.ClaimsIdentity.SecurityStampClaimType) is null)
        {
            return null;
        }

        var sessionId = new Guid(SHA256.HashData(ReadBytes(value)).AsSpan(0, 16));
        if (!await store.WasStartedAsync(userId, sessionId))
        {
            return new IdentityCookie(ticket, sessionId, Started: null);
        }

        var started = (await store.ListAsync(userId)).FirstOrDefault(session => session.Id == sessionId);
        return started is not null && IsSamePage(time.GetUtcNow() - started.CreatedAt) ? new IdentityCookie(ticket, sessionId, started) : null;
    }

    // A clock that went back is no page.
    private static bool IsSamePage(TimeSpan age) => age >= TimeSpan.Zero && age < SamePage;

    /// <summary>Removes the cookie from the client.</summary>
    /// <param name="context">The request.</param>
    /// <param name="except">The name of the session's cookie, which takes the place of one of the same name.</param>
    public void RemoveCookie(HttpContext context, string except)
    {
        var options = Cookie;
        if (options.Cookie.Name is { } name && name != except && options.CookieManager.GetRequestCookie(context, name) is not null)
        {
            options.CookieManager.DeleteCookie(context, name, options.Cookie.Build(context));
        }
    }

    // When its start is no longer among the events, a cookie that is still valid could become a session again.
    private bool IsValid(DateTimeOffset? expiresAt) =>
        expiresAt is { } at && at > time.GetUtcNow() && at <= time.GetUtcNow().AddSaturating(audit.Value.Retention);

    // A cookie has other spellings, as with white space in it, and one content, which cannot be changed.
    private static byte[] ReadBytes(string value)
    {
        try
        {
            return WebEncoders.Base64UrlDecode(value);
        }
        catch (FormatException)
        {
            // A format of the application's own.
            return Encoding.UTF8.GetBytes(value);
        }
    }
}

/// <summary>A cookie of Identity's.</summary>
/// <param name="Ticket">What it says.</param>
/// <param name="SessionId">The id of the session that it becomes.</param>
/// <param name="Started">That session, where it was started by another request of the same page.</param>
internal sealed record IdentityCookie(AuthenticationTicket Ticket, Guid SessionId, UserSession? Started);
