namespace AuthApi.Api;

internal static class HeaderRelease
{
    /// <summary>
    /// Releases the headers of a request when it has been answered. The server keeps a stream of HTTP/2 for five seconds more where the client
    /// does not end it, up to a hundred on a connection (decision 0018).
    /// </summary>
    public static IApplicationBuilder UseHeaderRelease(this IApplicationBuilder app) => app.Use(static (context, next) =>
    {
        if (HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Response.OnCompleted(
                static state =>
                {
                    ((HttpContext)state).Request.Headers.Clear();
                    return Task.CompletedTask;
                },
                context);
        }

        return next(context);
    });
}
