using AuthApi.Api;
using Microsoft.Extensions.Primitives;

namespace AuthApi.Security;

/// <summary>
/// Refuses what a page of another origin makes a browser send (ASVS 3.5.1 to 3.5.4): every call that may change something, those
/// without a session included, as logging somebody in is a change too. By Fetch Metadata, which no page can forge; where a browser
/// sends none, by <c>Origin</c>. A client that sends neither is no browser, and passes.
/// </summary>
internal static partial class CrossSiteGuard
{
    /// <summary>Refuses cross-site requests with 403 <c>cross_site_request</c>.</summary>
    public static IApplicationBuilder UseCrossSiteGuard(this WebApplication app)
    {
        var allowed = AllowedOrigins.Of(app);
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(CrossSiteGuard).FullName!);
        var log = new LogThrottle(app.Services.GetRequiredService<TimeProvider>());
        return app.Use((context, next) =>
        {
            if (IsAllowed(context.Request, allowed))
            {
                return next(context);
            }

            if (log.IsDue())
            {
                Log.Refused(logger, ClientInfo.Of(context).IpAddress);
            }

            return ApiProblem.CrossSiteRequest.WriteAsync(context);
        });
    }

    /// <summary>The decision, the first line that fits.</summary>
    /// <param name="request">The request, its scheme as a known proxy tells it.</param>
    /// <param name="allowed">The other origins that are trusted; an origin counts as a whole text.</param>
    internal static bool IsAllowed(HttpRequest request, IReadOnlyList<string> allowed)
    {
        if (IsSafe(request.Method))
        {
            return true;
        }

        var site = request.Headers["Sec-Fetch-Site"];
        if (site is ["same-origin"] or ["none"])
        {
            return true;
        }

        var origin = request.Headers.Origin;
        if (origin is [{ } one] && allowed.Contains(one, StringComparer.Ordinal))
        {
            return true;
        }

        return site.Count == 0 && (origin.Count == 0 || IsOwn(request, origin));
    }

    private static bool IsSafe(string method) =>
        HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method) || HttpMethods.IsTrace(method);

    private static bool IsOwn(HttpRequest request, StringValues origin)
    {
        if (origin is not [{ } text] || !request.Host.HasValue)
        {
            return false;
        }

        // In ASCII and lower case, as a browser spells an origin. It leaves the scheme's own port out; what stands before us may name it.
        var host = request.Host.Port == (request.IsHttps ? 443 : 80) ? new HostString(request.Host.Host) : request.Host;
        return string.Equals(text, $"{request.Scheme}://{host.ToUriComponent()}".ToLowerInvariant(), StringComparison.Ordinal);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A cross-site request from {IpAddress} was refused. This is logged once a minute, whoever it is.")]
        public static partial void Refused(ILogger logger, string? ipAddress);
    }
}
