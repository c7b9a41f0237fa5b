using System.Threading.RateLimiting;
using AuthApi.Startup;

namespace AuthApi.Api;

internal static class RequestLimit
{
    /// <summary>
    /// Refuses a request with 503 <c>server_busy</c> while as many are under way as fit into the memory (ASVS 15.2.2). One connection of
    /// HTTP/2 carries many of them, each with its headers.
    /// </summary>
    public static IApplicationBuilder UseRequestLimit(this IApplicationBuilder app)
    {
        var limiter = new ConcurrencyLimiter(new() { PermitLimit = ServerLimits.MaxRequests(ServerLimits.Memory) });
        return app.Use(async (context, next) =>
        {
            using var lease = limiter.AttemptAcquire();
            await (lease.IsAcquired ? next(context) : ApiProblem.ServerBusy.WriteAsync(context));
        });
    }
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
