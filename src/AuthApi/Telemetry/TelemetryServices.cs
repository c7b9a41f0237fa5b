namespace AuthApi.Telemetry;

/// <summary>Registers traces, metrics and logs, and where they are sent. What is off is not set up.</summary>
public static class TelemetryServices
{
    public static IServiceCollection AddTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddTelemetrySetup(configuration);
        return services;
    }
}
