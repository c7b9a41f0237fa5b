using AuthApi.Api;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AuthApi.Telemetry;

/// <summary>
/// Maps the probes. <c>/health/live</c>: the program serves; nothing else is checked, as a restart would not bring a store back.
/// <c>/health/ready</c>: the health check of each room passes; while one fails, the program should get no requests.
/// </summary>
internal static class Health
{
    // The name under which the storage registers its check.
    private const string StoreCheck = "sessions";

    /// <summary>
    /// Answers a probe where <c>UseRouting</c> stands, before the host, the scheme and the number of requests are looked at: an orchestrator
    /// asks over plain HTTP, by an address, and must not be refused because others ask too much (decision 0012).
    /// </summary>
    public static void MapHealth(this WebApplication app)
    {
        app.MapProbe("live", static _ => false);
        app.MapProbe("ready", static _ => true);
    }

    private static void MapProbe(this WebApplication app, string name, Func<HealthCheckRegistration, bool> checks)
    {
        var path = $"/health/{name}";
        app.MapHealthChecks(path, new HealthCheckOptions
        {
            Predicate = checks,
            ResponseWriter = (context, report) => report.Status == HealthStatus.Healthy
                ? context.Response.WriteAsJsonAsync(new HealthResponse(name))
                : Problem(context, report).WriteAsync(context),

            // Cache-Control is the one of every answer.
            AllowCachingResponses = true,
        })
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]))
            .DisableHttpMetrics()
            .ShortCircuit()
            .Add(endpoint => endpoint.RequestDelegate = AsWritten(path, endpoint.RequestDelegate!));
    }

    // While the program ends, the checks say that it is not ready and look at nothing.
    private static ApiProblem Problem(HttpContext context, HealthReport report) =>
        report.Entries.TryGetValue(StoreCheck, out var store) && store.Status == HealthStatus.Unhealthy
        && !context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested
            ? ApiProblem.StoreUnavailable
            : ApiProblem.ServiceUnavailable;

    // Not as /HEALTH/live or /%68ealth/live, which would pass the rule of a proxy for /health; routing takes them for the same.
    private static RequestDelegate AsWritten(string path, RequestDelegate next) => context =>
    {
        if (context.Request.Path.Value is { } asked && (asked == path || asked == $"{path}/") && PlainPath.IsSent(context))
        {
            return next(context);
        }

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    };

    /// <param name="Status"><c>live</c> or <c>ready</c>.</param>
    private sealed record HealthResponse(string Status);
}
