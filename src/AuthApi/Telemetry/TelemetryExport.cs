using System.Reflection;
using AuthApi.Sessions;
using AuthApi.Startup;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AuthApi.Telemetry;

/// <summary>Sets OpenTelemetry up to send what its standard variables ask for, and to count what Prometheus will ask for.</summary>
internal static class TelemetryExport
{
    // The signals, as they are called in the variables' names.
    public const string Traces = "TRACES";
    public const string Metrics = "METRICS";
    public const string Logs = "LOGS";

    private static readonly string[] Meters =
    [
        Instruments.MeterName,
        SessionMeter.Name,
        "Microsoft.AspNetCore.Identity",
        "Microsoft.AspNetCore.Hosting",
        "Microsoft.AspNetCore.Server.Kestrel",
        "Microsoft.AspNetCore.Diagnostics",
        "System.Runtime",
    ];

    /// <exception cref="ConfigurationException">A variable has a value that cannot be used.</exception>
    public static void AddTelemetryExport(this IServiceCollection services, IConfiguration configuration, bool prometheus)
    {
        var (traces, metrics, logs) = (OtlpTarget.Of(Traces, configuration), OtlpTarget.Of(Metrics, configuration), OtlpTarget.Of(Logs, configuration));
        var telemetry = services.AddOpenTelemetry().ConfigureResource(resource => resource
            .AddService("AuthApi", serviceVersion: Assembly.GetExecutingAssembly().GetName().Version?.ToString(3))
            .AddEnvironmentVariableDetector());
        if (traces is not null)
        {
            telemetry.WithTracing(builder => builder
                .AddAspNetCoreInstrumentation(options => options.Filter = static context => !TelemetrySetup.IsOfOperators(context.Request.Path))
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

    /// <summary>Where one signal is sent, by its own variables or those of all signals. The exporter by itself reads the latter only.</summary>
    /// <param name="Name">The exporter's name.</param>
    /// <param name="Endpoint">The signal's own address.</param>
    /// <param name="Protocol">Its own protocol.</param>
    /// <param name="Headers">Its own headers.</param>
    private sealed record OtlpTarget(string Name, Uri? Endpoint, string? Protocol, string? Headers)
    {
        private const string Grpc = "grpc";
        private const string HttpProtobuf = "http/protobuf";

        public static OtlpTarget? Of(string signal, IConfiguration configuration)
        {
            if (!TelemetrySetup.IsSent(signal, configuration))
            {
                return null;
            }

            var own = $"OTEL_EXPORTER_OTLP_{signal}_";
            CheckAddress("OTEL_EXPORTER_OTLP_ENDPOINT");
            CheckProtocol("OTEL_EXPORTER_OTLP_PROTOCOL");
            return new OtlpTarget(signal, CheckAddress($"{own}ENDPOINT"), CheckProtocol($"{own}PROTOCOL"), Value($"{own}HEADERS"));

            string? Value(string key) => configuration[key] is { Length: > 0 } value ? value : null;

            Uri? CheckAddress(string key) => Value(key) is not { } text
                ? null
                : Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                    ? uri
                    : throw new ConfigurationException(key, $"has '{text}', which is no http:// or https:// address.");

            string? CheckProtocol(string key) => Value(key) switch
            {
                null => null,
                (Grpc or HttpProtobuf) and var known => known,
                var other => throw new ConfigurationException(key, $"has '{other}', and must be {Grpc} or {HttpProtobuf}."),
            };
        }

        public void Configure(OtlpExporterOptions options)
        {
            // First, as the address of a signal is taken as it is by one protocol only.
            options.Protocol = Protocol switch
            {
                Grpc => OtlpExportProtocol.Grpc,
                HttpProtobuf => OtlpExportProtocol.HttpProtobuf,
                _ => options.Protocol,
            };
            options.Headers = Headers ?? options.Headers;
            if (Endpoint is not null)
            {
                options.Endpoint = Endpoint;
            }
        }
    }
}
