using AuthApi.Hosting;

namespace AuthApi.Audit;

/// <summary>Registers the audit trail.</summary>
public static class AuditServices
{
    public static IServiceCollection AddAudit(this IServiceCollection services)
    {
        services.AddValidatedOptions<AuditOptions>(AuditOptions.Section);
        services.AddSingleton<AuditTrail>();
        services.AddHostedService<AuditRetention>();
        return services;
    }
}
