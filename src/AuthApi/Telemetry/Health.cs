using System.Text.Json.Serialization;
using AuthApi.Api;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AuthApi.Telemetry;

/// <summary>
/// Answers whoever keeps the program running. <c>/health/live</c>: it serves; nothing else is looked at, as starting it anew would not bring
/// a store back. <c>/health/ready</c>: what it needs, each room's health check, works now; if not, it should be sent no requests.
/// </summary>
internal static partial class Health
{
    private const string Root = "/health";

    /// <summary>
    /// Answers probes before the host, the scheme and the number of requests are looked at: an orchestrator asks over plain HTTP, by an
    /// address, and must not be refused because others ask too much. The answers are a word, and cost next to nothing.
    /// </summary>
    public static IApplicationBuilder UseHealth(this WebApplication app) => app.MapWhen(
        static context => context.Request.Path.StartsWithSegments(Root, StringComparison.OrdinalIgnoreCase),
        static branch => branch.Run(AnswerAsync));

    private static async Task AnswerAsync(HttpContext context)
    {
        context.Features.Get<IHttpMetricsTagsFeature>()?.MetricsDisabled = true;
        var probe = context.Request.Path.Value![Root.Length..].Trim('/');
        if (probe is not ("live" or "ready"))
        {
            await ApiProblem.NotFound.WriteAsync(context);
        }
        else if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET, HEAD";
            await ApiProblem.MethodNotAllowed.WriteAsync(context);
        }
        else if (probe is "live" || await IsReadyAsync(context))
        {
            await context.Response.WriteAsJsonAsync(new HealthResponse(probe), HealthJson.Default.HealthResponse);
        }
        else
        {
            await ApiProblem.StoreUnavailable.WriteAsync(context);
        }
    }

    private static async Task<bool> IsReadyAsync(HttpContext context)
    {
        var report = await context.RequestServices.GetRequiredService<HealthCheckService>().CheckHealthAsync(context.RequestAborted);
        return report.Status == HealthStatus.Healthy;
    }

    /// <param name="Status"><c>live</c> or <c>ready</c>.</param>
    private sealed record HealthResponse(string Status);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(HealthResponse))]
    private sealed partial class HealthJson : JsonSerializerContext;
}
