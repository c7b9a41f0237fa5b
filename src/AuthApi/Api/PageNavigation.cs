namespace AuthApi.Api;

/// <summary>Leads a browser to a page.</summary>
internal static class PageNavigation
{
    /// <summary>Whether a browser asks for a page. A program that asks for JSON, or for anything, gets the problem.</summary>
    public static bool IsNavigation(this HttpRequest request) => request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    /// <summary>Redirects to a page below the path prefix. Relative where no prefix is known: a proxy may have taken one off.</summary>
    public static void RedirectTo(this HttpContext context, string page)
    {
        var prefix = context.Request.PathBase;
        context.Response.Redirect(prefix.HasValue ? $"{prefix.ToUriComponent()}/{page}" : page);
    }
}
