using Microsoft.AspNetCore.Http.Features;

namespace AuthApi.Api;

/// <summary>Paths that are served as written only: <c>/%6Detrics</c> would pass a proxy's rule for <c>/metrics</c>.</summary>
internal static class PlainPath
{
    /// <summary>Whether the path of a request was sent without percent-encoding. Its query may have some.</summary>
    public static bool IsSent(HttpContext context) =>
        context.Features.Get<IHttpRequestFeature>()?.RawTarget.Split('?')[0].Contains('%', StringComparison.Ordinal) == false;
}
