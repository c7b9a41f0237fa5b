using System.ComponentModel.DataAnnotations;
using AuthApi.Api;
using AuthApi.Startup;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace AuthApi.Telemetry;

/// <summary>The configuration section <c>Metrics</c>.</summary>
public sealed class MetricsOptions
{
    public const string Section = "Metrics";

    /// <summary>Whether <c>/metrics</c> is served.</summary>
    public bool Enabled { get; set; }

    /// <summary>The one port of those in <c>Urls</c> at which it is; without it, all of them.</summary>
    [Range(1, 65535, ErrorMessage = Section + ":Port must be between 1 and 65535.")]
    public int? Port { get; set; }
}

/// <summary>
/// Sends traces, metrics and logs where OpenTelemetry's standard variables point, and shows the metrics to Prometheus. What nobody has asked
/// for is not even loaded (<see cref="TelemetryExport"/>), so that it costs nothing. The instruments are made by the rooms, and by the framework.
/// </summary>
internal static class TelemetrySetup
{
    private const string Path = "/metrics";

    private static readonly string[] Signals = [TelemetryExport.Traces, TelemetryExport.Metrics, TelemetryExport.Logs];

    /// <exception cref="ConfigurationException">A variable has a value that cannot be used.</exception>
    public static void AddTelemetrySetup(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddValidatedOptions<MetricsOptions>(MetricsOptions.Section);
        var prometheus = configuration.GetValue<bool>($"{MetricsOptions.Section}:{nameof(MetricsOptions.Enabled)}");
        if (prometheus)
        {
            services.AddHostedService<MetricsPortCheck>();
        }

        if (prometheus || Signals.Any(signal => IsSent(signal, configuration)))
        {
            services.AddTelemetryExport(configuration, prometheus);
        }
    }

    /// <summary>Whether a signal is sent, by its own variables or those of all.</summary>
    public static bool IsSent(string signal, IConfiguration configuration)
    {
        return (IsSet("OTEL_EXPORTER_OTLP_ENDPOINT") || IsSet($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))
            && configuration[$"OTEL_{signal}_EXPORTER"] != "none"
            && !string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase);

        bool IsSet(string key) => configuration[key] is { Length: > 0 };
    }

    /// <summary>Shows the metrics to Prometheus, which asks over plain HTTP and by whatever name, where they are meant to be seen (ASVS 13.4.5).</summary>
    public static IApplicationBuilder UseMetrics(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<IOptions<MetricsOptions>>().Value;
        return options.Enabled
            ? app.MapWhen(
                context => IsMetrics(context.Request.Path) && PlainPath.IsSent(context)

                    // The server sends no body to a HEAD, whatever is written.
                    && (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))

                    // Not by the Host header, in which a client can write what it likes.
                    && (options.Port is not { } port || context.Connection.LocalPort == port),
                branch => branch
                    .Use((context, next) =>
                    {
                        context.Features.Get<IHttpMetricsTagsFeature>()?.MetricsDisabled = true;
                        return next(context);
                    })
                    .UseOpenTelemetryPrometheusScrapingEndpoint(_ => true))
            : app;
    }

    private static bool IsMetrics(PathString path) => path.Equals(Path, StringComparison.Ordinal) || path.Equals($"{Path}/", StringComparison.Ordinal);

    // They ask every few seconds, and would bury what users do.
    public static bool IsOfOperators(PathString path) => path.StartsWithSegments("/health", StringComparison.OrdinalIgnoreCase) || IsMetrics(path);
}
