namespace AuthApi.Telemetry;

/// <summary>Registers logs, traces and metrics, and where they are sent. What is off is not set up.</summary>
public static class TelemetryServices
{
    public static IServiceCollection AddTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddTelemetrySetup(configuration);
        services.AddRequestScope();
        if (!TelemetrySetup.IsSent(TelemetryExport.Logs, configuration))
        {
            // OpenTelemetry takes the trace of a log line from the span alone.
            services.DoWithoutRequestSpans();
        }

        return services;
    }
}
