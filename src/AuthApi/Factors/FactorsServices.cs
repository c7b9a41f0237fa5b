using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Factors;

/// <summary>Registers what proves who a user is beside the password: authenticator apps, recovery codes, passkeys.</summary>
public static class FactorsServices
{
    public static IServiceCollection AddFactors(this IServiceCollection services)
    {
        services.AddScoped<Authenticators>();
        services.AddExceptionHandler<Authenticators.UnavailableException.Handler>();
        services.AddScoped<RecoveryCodes>();
        services.AddScoped<Credentials>();
        services.AddScoped<WrongFactorNotice>();
        services.AddScoped<WrongCodes>();
        services.AddScoped<IPasskeyHandler<ApplicationUser>, PasskeyHandler<ApplicationUser>>();
        services.AddScoped<PasskeyCeremonies>();
        services.AddExpiredRows<PasskeyCeremony>(PasskeyCeremonies.Lifetime);
        PasskeyOptions.Add(services);
        return services;
    }
}
