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
}
