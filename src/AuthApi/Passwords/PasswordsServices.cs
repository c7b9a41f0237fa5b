using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Passwords;

/// <summary>Registers how passwords are hashed and which are rejected. Call it before Identity is added, which adds its own where there are none.</summary>
public static class PasswordsServices
{
    public static IServiceCollection AddPasswords(this IServiceCollection services)
    {
        services.AddValidatedOptions<AccountPasswordOptions>(AccountPasswordOptions.Section).Validate(
            _ => "e\u0301".Normalize() == "\u00e9",
            "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT must not be set: passwords and addresses are compared in Unicode's normal form, which takes the ICU library.");
        services.AddValidatedOptions<PasswordHashingOptions>(PasswordHashingOptions.Section);
        services.AddSingleton(new KnownKeys(AccountPasswordOptions.Section, ["Hashing"], []));

        services.AddSingleton<PasswordHashLimiter>();
        services.AddSingleton<PasswordHashMetrics>();

        // Holds nothing of a request.
        services.AddSingleton<IPasswordHasher<ApplicationUser>, Argon2PasswordHasher>();
        services.AddScoped<IPasswordValidator<ApplicationUser>, AccountPasswordValidator>();
        services.AddScoped<IPasswordValidator<ApplicationUser>, BreachedPasswordValidator>();
        services.AddSingleton<BreachCheckLog>();
        services.AddHttpClient(BreachedPasswordValidator.Client, client =>
        {
            client.Timeout = BreachedPasswordValidator.Timeout;
            client.DefaultRequestHeaders.Add("Add-Padding", "true");
            client.DefaultRequestHeaders.UserAgent.ParseAdd("AuthApi");

            // Its lines would have the digits of the hash beside the time of a registration.
        }).RemoveAllLoggers();
        return services;
    }
}
