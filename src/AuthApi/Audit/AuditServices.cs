using System.Text.Json.Serialization;
using AuthApi.Api;

namespace AuthApi.Audit;

/// <summary>Registers how events are recorded, and how administrators read them.</summary>
public static partial class AuditServices
{
    public static IServiceCollection AddAudit(this IServiceCollection services)
    {
        services.AddSingleton<AdministrationMetrics>();
        services.AddScoped<AdministrationLog>();
        services.AddScoped<AuditList>();
        services.AddSingleton<SettledEvents>();
        services.AddSingleton<BoundedEvents>();
        services.AddHostedService(provider => provider.GetRequiredService<BoundedEvents>());
        services.AddGeneratedJson(AuditJson.Default);
        return services;
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(AuditResponse))]
    private sealed partial class AuditJson : JsonSerializerContext;
}
