using AuthApi.Hosting;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Accounts;

/// <summary>Registers Identity: accounts, roles, password hashing, <c>SignInManager</c>.</summary>
public static class AccountsServices
{
    // OWASP's Password Storage Cheat Sheet for PBKDF2-HMAC-SHA512; Identity's own default is 100,000.
    private const int PasswordHashIterations = 220_000;

    public static IServiceCollection AddAccounts(this IServiceCollection services)
    {
        services.AddValidatedOptions<AccountPasswordOptions>(AccountPasswordOptions.Section);
        services.Configure<PasswordHasherOptions>(options => options.IterationCount = PasswordHashIterations);

        services.AddSingleton<PasswordHashGate>();

        // AddIdentityCore, as AddIdentity would bring the cookie handlers along.
        services.AddIdentityCore<ApplicationUser>(options =>
            {
                options.Stores.SchemaVersion = IdentitySchemaVersions.Version3;
                options.User.RequireUniqueEmail = true;

                // A name that is given is checked with the request; one that is not is the address, with whatever an address may hold.
                options.User.AllowedUserNameCharacters = "";
                options.Password.RequireDigit = false;
                options.Password.RequireLowercase = false;
                options.Password.RequireNonAlphanumeric = false;
                options.Password.RequireUppercase = false;
                options.Password.RequiredUniqueChars = 1;
            })
            .AddUserManager<ApplicationUserManager>()
            .AddRoles<IdentityRole<int>>()
            .AddEntityFrameworkStores<AuthDbContext>()
            .AddClaimsPrincipalFactory<ApplicationClaimsPrincipalFactory>()
            .AddSignInManager();
        services.AddOptions<IdentityOptions>().Configure<IOptions<AccountPasswordOptions>>(
            (identity, passwords) => identity.Password.RequiredLength = passwords.Value.MinimumLength);
        return services;
    }
}
