using System.ComponentModel.DataAnnotations;
using System.Reflection;
using AuthApi.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AuthApi.Observability;

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
/// for is not set up at all, so that it costs nothing. The instruments are made by the rooms, and by the framework; here are only their names.
/// </summary>
internal static class Telemetry
{
    private const string Path = "/metrics";

    private static readonly string[] Meters =
    [
        Instruments.MeterName,
        "Microsoft.AspNetCore.Identity",
        "Microsoft.AspNetCore.Hosting",
        "Microsoft.AspNetCore.Server.Kestrel",
        "Microsoft.AspNetCore.RateLimiting",
        "Microsoft.AspNetCore.Diagnostics",
        "System.Runtime",
    ];

    /// <exception cref="ConfigurationException">A variable has a value that cannot be used.</exception>
    public static void AddTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddValidatedOptions<MetricsOptions>(MetricsOptions.Section);
        var (traces, metrics, logs) = (OtlpTarget.Of("TRACES", configuration), OtlpTarget.Of("METRICS", configuration), OtlpTarget.Of("LOGS", configuration));
        var prometheus = configuration.GetValue<bool>($"{MetricsOptions.Section}:{nameof(MetricsOptions.Enabled)}");
        if (prometheus)
        {
            services.AddOnStarted(CheckPort);
        }

        if (traces is not null || metrics is not null || logs is not null || prometheus)
        {
            services.AddTelemetry(traces, metrics, logs, prometheus);
        }
    }

    // Apart from the decision, so that what nobody has asked for is not even loaded.
    private static void AddTelemetry(this IServiceCollection services, OtlpTarget? traces, OtlpTarget? metrics, OtlpTarget? logs, bool prometheus)
    {
        var telemetry = services.AddOpenTelemetry().ConfigureResource(resource => resource
            .AddService("AuthApi", serviceVersion: Assembly.GetExecutingAssembly().GetName().Version?.ToString(3))
            .AddEnvironmentVariableDetector());
        if (traces is not null)
        {
            telemetry.WithTracing(builder => builder
                .AddAspNetCoreInstrumentation(options => options.Filter = static context => !IsOfOperators(context.Request.Path))
                .AddOtlpExporter(traces.Name, traces.Configure));
        }

        if (metrics is not null || prometheus)
        {
            telemetry.WithMetrics(builder =>
            {
                builder.AddMeter(Meters);
                if (metrics is not null)
                {
                    builder.AddOtlpExporter(metrics.Name, metrics.Configure);
                }

                if (prometheus)
                {
                    builder.AddPrometheusExporter(options => options.ScopeInfoEnabled = false);
                }
            });
        }

        if (logs is not null)
        {
            telemetry.WithLogging(builder => builder.AddOtlpExporter(logs.Name, logs.Configure), options => options.IncludeFormattedMessage = true);
        }
    }

    /// <summary>Shows the metrics to Prometheus, which asks over plain HTTP and by whatever name, where they are meant to be seen (ASVS 13.4.5).</summary>
    public static IApplicationBuilder UseMetrics(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<IOptions<MetricsOptions>>().Value;
        return options.Enabled
            ? app.MapWhen(
                context => IsMetrics(context.Request.Path)
                    && HttpMethods.IsGet(context.Request.Method)

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

    private static bool IsMetrics(PathString path) => path.Equals(Path, StringComparison.OrdinalIgnoreCase) || path.Equals($"{Path}/", StringComparison.OrdinalIgnoreCase);

    // They ask every few seconds, and would bury what users do.
    private static bool IsOfOperators(PathString path) => path.StartsWithSegments("/health", StringComparison.OrdinalIgnoreCase) || IsMetrics(path);

    private static void CheckPort(IServiceProvider provider)
    {
        if (provider.GetRequiredService<IOptions<MetricsOptions>>().Value.Port is { } port
            && provider.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses is { Count: > 0 } addresses
            && !addresses.Any(address => BindingAddress.Parse(address).Port == port))
        {
            throw new ConfigurationException(
                $"{MetricsOptions.Section}:{nameof(MetricsOptions.Port)}", $"is {port}, and none of the addresses in Urls has that port ({string.Join(", ", addresses)}).");
        }
    }

    /// <summary>Where one signal is sent, by its own variables or those of all signals. The exporter by itself reads the latter only.</summary>
    /// <param name="Name">The exporter's name.</param>
    /// <param name="Configure">Sets what the signal's own variables say.</param>
    private sealed record OtlpTarget(string Name, Action<OtlpExporterOptions> Configure)
    {
        public static OtlpTarget? Of(string signal, IConfiguration configuration)
        {
            var own = $"OTEL_EXPORTER_OTLP_{signal}_";
            if (Value("OTEL_EXPORTER_OTLP_ENDPOINT") is null && Value($"{own}ENDPOINT") is null
                || Value($"OTEL_{signal}_EXPORTER") is "none"
                || string.Equals(Value("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase))
            {
                return null;
            }

            CheckAddress("OTEL_EXPORTER_OTLP_ENDPOINT");
            var endpoint = CheckAddress($"{own}ENDPOINT");
            CheckProtocol("OTEL_EXPORTER_OTLP_PROTOCOL");
            var protocol = CheckProtocol($"{own}PROTOCOL");
            var headers = Value($"{own}HEADERS");
            return new OtlpTarget(signal, options =>
            {
                // First, as the address of a signal is taken as it is by one protocol only.
                options.Protocol = protocol ?? options.Protocol;
                options.Headers = headers ?? options.Headers;
                if (endpoint is not null)
                {
                    options.Endpoint = endpoint;
                }
            });

            string? Value(string key) => configuration[key] is { Length: > 0 } value ? value : null;

            Uri? CheckAddress(string key) => Value(key) is not { } text
                ? null
                : Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                    ? uri
                    : throw new ConfigurationException(key, $"has '{text}', which is no http:// or https:// address.");

            OtlpExportProtocol? CheckProtocol(string key) => Value(key) switch
            {
                null => null,
                "grpc" => OtlpExportProtocol.Grpc,
                "http/protobuf" => OtlpExportProtocol.HttpProtobuf,
                var other => throw new ConfigurationException(key, $"has '{other}', and must be grpc or http/protobuf."),
            };
        }
    }
}
