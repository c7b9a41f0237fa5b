using AuthApi.Hosting;

namespace AuthApi.Observability;

/// <summary>Registers what shows: telemetry, and the OpenAPI document with Swagger UI. What is off is not set up.</summary>
public static class ObservabilityServices
{
    public static IServiceCollection AddObservability(this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment)
    {
        services.AddTelemetry(configuration);
        services.AddRequestScope();
        if (!Telemetry.IsSent(TelemetryExport.Logs, configuration))
        {
            // OpenTelemetry takes the trace of a log line from the span alone.
            services.DoWithoutRequestSpans();
        }

        services.AddValidatedOptions<SwaggerOptions>(SwaggerOptions.Section);
        services.AddOnStarted(SwaggerUi.SayWhereItIs);
        if (SwaggerUi.IsEnabled(configuration, environment))
        {
            services.AddApiDocument();
        }

        return services;
    }
}
