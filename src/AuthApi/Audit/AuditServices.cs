using System.Text.Json.Serialization;
using AuthApi.Api;
using AuthApi.Startup;

namespace AuthApi.Audit;

/// <summary>Registers the audit trail.</summary>
public static partial class AuditServices
{
    public static IServiceCollection AddAudit(this IServiceCollection services)
    {
        services.AddValidatedOptions<AuditOptions>(AuditOptions.Section);
        services.AddSingleton<AuditTrail>();
        services.AddSingleton<CleanupClock>();
        services.AddSingleton<AuditRetention>();
        services.AddHostedService(provider => provider.GetRequiredService<AuditRetention>());
        services.AddGeneratedJson(AuditJson.Default);
        return services;
    }

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
    [JsonSerializable(typeof(ActivityResponse))]
    private sealed partial class AuditJson : JsonSerializerContext;
}
