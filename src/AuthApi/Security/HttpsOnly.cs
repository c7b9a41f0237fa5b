using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Startup;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>Serves HTTPS only, outside Development.</summary>
internal static partial class HttpsOnly
{
    /// <summary>
    /// Refuses plain HTTP with 400 <c>https_required</c>, except in Development. It does not redirect: the client has already
    /// sent its token in clear text, and must see the error (ASVS 4.1.2).
    /// </summary>
    /// <exception cref="ConfigurationException">It cannot be reached over HTTPS: every answer would be that refusal.</exception>
    public static IApplicationBuilder UseHttpsOnly(this WebApplication app)
    {
        if (app.Environment.IsDevelopment())
        {
            return app;
        }

        if (!ListenAddresses.Read(app.Configuration).Any(IsHttps) && app.Services.GetRequiredService<IOptions<KnownProxiesOptions>>().Value.KnownProxies.Count == 0)
        {
            throw new ConfigurationException(
                "Urls",
                $"has no https:// address, and {KnownProxies.Key} names no proxy that does the TLS. Plain HTTP is served in Development only (ASPNETCORE_ENVIRONMENT).");
        }

        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(HttpsOnly).FullName!);
        var throttle = new LogThrottle(app.Services.GetRequiredService<TimeProvider>());
        return app.Use((context, next) =>
        {
            if (context.Request.IsHttps)
            {
                return next(context);
            }

            if (throttle.IsDue())
            {
                Log.Refused(logger, ClientInfo.Of(context).IpAddress, KnownProxies.Key);
            }

            // The address of a proxy is the operator's to know: it is in the log.
            return (ApiProblem.HttpsRequired with
            {
                Detail = KnownProxies.IsOfUnknownProxy(context)
                    ? $"Its X-Forwarded headers are not believed: {KnownProxies.Key} does not name the proxy. The log has its address."
                    : $"The request came over plain HTTP. A proxy that does the TLS must be named in {KnownProxies.Key} and send X-Forwarded-Proto.",
            }).WriteAsync(context);
        });
    }

    private static bool IsHttps(string address) => address.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A request from {IpAddress} over plain HTTP was refused. A proxy that does the TLS must be named in {Key} and send X-Forwarded-Proto. Logged at most once a minute.")]
        public static partial void Refused(ILogger logger, string? ipAddress, string key);
    }
}
