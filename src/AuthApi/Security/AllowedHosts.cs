using AuthApi.Api;
using AuthApi.Sessions;
using AuthApi.Startup;
using Microsoft.Extensions.Primitives;

namespace AuthApi.Security;

/// <summary>Serves the host names of <c>AllowedHosts</c> only.</summary>
internal static partial class AllowedHosts
{
    private const string Key = "AllowedHosts";

    /// <summary>
    /// Refuses a request for another host than those in <c>AllowedHosts</c> with 400 <c>host_not_allowed</c>. The framework's own
    /// middleware for that key answers with a page.
    /// </summary>
    /// <exception cref="ConfigurationException">A host in the list is not a host name.</exception>
    public static IApplicationBuilder UseAllowedHosts(this WebApplication app)
    {
        var hosts = app.Configuration.GetList(Key, separator: ';');
        if (hosts.FirstOrDefault(host => !IsHost(host)) is { } wrong)
        {
            throw new ConfigurationException(Key, $"has '{wrong}', which is not the name of a host (api.example.com, or *.example.com), without scheme and port.");
        }

        if (hosts.Count == 0)
        {
            throw new ConfigurationException(Key, "has no host; * is any.");
        }

        if (hosts.Contains("*"))
        {
            return app;
        }

        var allowed = hosts.Select(host => new StringSegment(HostString.FromUriComponent(host).WithoutFinalDot().Host)).ToList();
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(AllowedHosts).FullName!);
        var throttle = new LogThrottle(app.Services.GetRequiredService<TimeProvider>());
        return app.Use((context, next) =>
        {
            if (context.Request.Host.WithoutFinalDot() is { HasValue: true, Host: var host } && HostString.MatchesAny(host, allowed))
            {
                return next(context);
            }

            var shown = ShownValue.Of(context.Request.Host.Value);
            if (throttle.IsDue())
            {
                Log.Refused(logger, ClientInfo.Of(context).IpAddress, shown, Key);
            }

            return (ApiProblem.HostNotAllowed with { Detail = $"The host '{shown}' is not in {Key}." }).WriteAsync(context);
        });
    }

    private static bool IsHost(string text) =>
        text == "*" || Uri.CheckHostName(text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text) != UriHostNameType.Unknown;

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A request from {IpAddress} was refused: its host '{Host}' is not in {Key}. Logged at most once a minute.")]
        public static partial void Refused(ILogger logger, string? ipAddress, string host, string key);
    }
}
