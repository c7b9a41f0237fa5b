using System.Buffers;
using AuthApi.Startup;

namespace AuthApi.Security;

/// <summary>Serves the API below a path prefix, as <c>https://example.com/auth/</c>.</summary>
internal static class PathPrefix
{
    private const string Key = "PathBase";

    // RFC 3986, 2.3, and the slash.
    private static readonly SearchValues<char> Characters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/");

    /// <summary>
    /// Takes the prefix from <c>PathBase</c>, whether a proxy keeps it in the path or takes it off; else from <c>X-Forwarded-Prefix</c> of a
    /// known proxy, which has taken it off.
    /// </summary>
    /// <exception cref="ConfigurationException"><c>PathBase</c> is not a path.</exception>
    public static IApplicationBuilder UsePathPrefix(this WebApplication app)
    {
        var configured = (app.Configuration[Key] ?? "").TrimEnd('/');
        if (configured.Length == 0)
        {
            return app.Use(static (context, next) =>
            {
                // It becomes part of links and redirects: one like //evil.example would lead to another site.
                if (context.Request.PathBase.Value is { Length: > 0 } forwarded)
                {
                    context.Request.PathBase = IsPrefix(forwarded) ? forwarded.TrimEnd('/') : PathString.Empty;
                }

                return next(context);
            });
        }

        if (!IsPrefix(configured))
        {
            throw new ConfigurationException(Key, $"is '{configured}', which is not the path that the API is served below (/auth).");
        }

        app.UsePathBase(configured);
        return app.Use((context, next) =>
        {
            context.Request.PathBase = configured;
            return next(context);
        });
    }

    private static bool IsPrefix(string path) =>
        path[0] == '/' && !path.AsSpan().ContainsAnyExcept(Characters) && !path.Contains("//", StringComparison.Ordinal) && !path.Split('/').Any(segment => segment is "." or "..");
}
