using AuthApi.Api;
using AuthApi.Sessions;
using Microsoft.Extensions.Primitives;

namespace AuthApi.Security;

/// <summary>
/// Refuses state-changing requests that a page of another origin makes a browser send (ASVS 3.5.1 to 3.5.4), with or without a session:
/// logging somebody in is a change too. It decides by Fetch Metadata, which no page can forge; where a browser sends none, by
/// <c>Origin</c>. A client that sends neither is not a browser, and passes.
/// </summary>
internal static partial class CrossSiteGuard
{
    private const string SecFetchSite = "Sec-Fetch-Site";

    /// <summary>Refuses cross-site requests with 403 <c>cross_site_request</c>.</summary>
    public static IApplicationBuilder UseCrossSiteGuard(this WebApplication app)
    {
        var allowed = app.Services.GetRequiredService<OriginList>();
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(CrossSiteGuard).FullName!);
        var throttle = new LogThrottle(app.Services.GetRequiredService<TimeProvider>());
        return app.Use((context, next) =>
        {
            if (IsAllowed(context.Request, allowed))
            {
                return next(context);
            }

            var origin = ShownValue.Of(context.Request.Headers.Origin);
            var site = ShownValue.Of(context.Request.Headers[SecFetchSite]);
            if (throttle.IsDue())
            {
                Log.Refused(logger, ClientInfo.Of(context).IpAddress, origin, site, ShownValue.Of(OwnOrigin(context.Request)), AllowedOrigins.Key);
            }

            return (ApiProblem.CrossSiteRequest with
            {
                Detail = origin.Length > 0
                    ? $"The origin '{origin}' is neither this API's own nor in {AllowedOrigins.Key}."
                    : $"The browser says {SecFetchSite}: '{site}', and no origin that is in {AllowedOrigins.Key}.",
            }).WriteAsync(context);
        });
    }

    /// <summary>Decides by the first line that fits.</summary>
    /// <param name="request">The request, with the scheme that a known proxy forwarded.</param>
    /// <param name="allowed">The other origins that are trusted.</param>
    internal static bool IsAllowed(HttpRequest request, OriginList allowed)
    {
        if (IsSafe(request.Method))
        {
            return true;
        }

        var site = request.Headers[SecFetchSite];
        if (site is ["same-origin"] or ["none"])
        {
            return true;
        }

        var origin = request.Headers.Origin;
        if (origin is [{ } one] && allowed.Contains(one))
        {
            return true;
        }

        return site.Count == 0 && (origin.Count == 0 || IsOwn(request, origin));
    }

    private static bool IsSafe(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method) || HttpMethods.IsTrace(method);

    private static bool IsOwn(HttpRequest request, StringValues origin) =>
        origin is [{ } text] && request.Host.HasValue && string.Equals(WithoutFinalDot(text), OwnOrigin(request), StringComparison.Ordinal);

    // In ASCII and lower case, as a browser spells an origin. It leaves the scheme's own port out; a proxy may name it in Host.
    private static string OwnOrigin(HttpRequest request)
    {
        var host = request.Host.WithoutFinalDot();
        host = host.Port == (request.IsHttps ? 443 : 80) ? new HostString(host.Host) : host;
        return $"{request.Scheme}://{host.ToUriComponent()}".ToLowerInvariant();
    }

    // A browser at https://example.com./ sends the dot in Origin too.
    private static string WithoutFinalDot(string origin)
    {
        var start = origin.IndexOf("://", StringComparison.Ordinal);
        return start < 0 ? origin : $"{origin[..(start + 3)]}{new HostString(origin[(start + 3)..]).WithoutFinalDot().Value}";
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A cross-site request from {IpAddress} was refused: its origin '{Origin}' (Sec-Fetch-Site '{Site}') is neither this API's own, {OwnOrigin}, nor in {Key}. Logged at most once a minute.")]
        public static partial void Refused(ILogger logger, string? ipAddress, string origin, string site, string ownOrigin, string key);
    }
}
