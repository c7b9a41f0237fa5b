using AuthApi.Storage;

namespace AuthApi.Codes;

/// <summary>Registers one-time codes.</summary>
public static class CodesServices
{
    public static IServiceCollection AddCodes(this IServiceCollection services)
    {
        services.AddScoped<OneTimeCodes>();
        services.AddExpiredRows<OneTimeCode>(TimeSpan.FromHours(1));
        return services;
    }
}
