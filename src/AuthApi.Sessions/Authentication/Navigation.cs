using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace AuthApi.Sessions;

/// <summary>Tells a browser that opens a page from a script, a form or a program.</summary>
internal static class Navigation
{
    /// <summary>Whether a request is a browser's navigation: GET or HEAD, not by a script (Fetch Metadata), and HTML is accepted by name.</summary>
    public static bool IsNavigation(this HttpRequest request)
    {
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            return false;
        }

        if (request.Headers["Sec-Fetch-Mode"].ToString() is { Length: > 0 } mode)
        {
            return mode == "navigate";
        }

        return MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted)
            && accepted.Any(type => type.Quality != 0 && type.MediaType.Equals("text/html", StringComparison.OrdinalIgnoreCase));
    }
}
