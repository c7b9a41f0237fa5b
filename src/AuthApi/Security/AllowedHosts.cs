using AuthApi.Api;
using AuthApi.Startup;
using Microsoft.Extensions.Primitives;

namespace AuthApi.Security;

internal static class AllowedHosts
{
    private const string Key = "AllowedHosts";

    /// <summary>
    /// Refuses a request for another host than those in <c>AllowedHosts</c> with 400 <c>host_not_allowed</c>. The framework's own
    /// middleware for that key answers with a page.
    /// </summary>
    /// <exception cref="ConfigurationException">A host in the list is none.</exception>
    public static IApplicationBuilder UseAllowedHosts(this WebApplication app)
    {
        var hosts = app.Configuration.GetList(Key, separator: ';');
        if (hosts.FirstOrDefault(host => !IsHost(host)) is { } wrong)
        {
            throw new ConfigurationException(Key, $"has '{wrong}', which is no name of a host (api.example.com, or *.example.com), without scheme and port.");
        }

        if (hosts.Count == 0)
        {
            throw new ConfigurationException(Key, "has no host; * is any.");
        }

        if (hosts.Contains("*"))
        {
            return app;
        }

        var allowed = hosts.Select(host => new StringSegment(HostString.FromUriComponent(host).Host)).ToList();
        return app.Use((context, next) => context.Request.Host is { HasValue: true, Host: var host } && HostString.MatchesAny(host, allowed)
            ? next(context)
            : ApiProblem.HostNotAllowed.WriteAsync(context));
    }

    private static bool IsHost(string text) =>
        text == "*" || Uri.CheckHostName(text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text) != UriHostNameType.Unknown;
}
