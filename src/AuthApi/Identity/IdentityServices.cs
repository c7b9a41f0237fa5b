using AuthApi.Sessions;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Identity;

/// <summary>Registers Identity: accounts, roles, <c>SignInManager</c>. All rooms of accounts use it.</summary>
public static class IdentityServices
{
    public static IServiceCollection AddAccountIdentity(this IServiceCollection services)
    {
        services.AddValidatedOptions<AccountOptions>(AccountOptions.Section);
        services.AddOptions<IdentityOptions>().Configure<IOptions<AccountOptions>>(
            (identity, accounts) => identity.SignIn.RequireConfirmedEmail = accounts.Value.RequireConfirmedEmail);

        services.AddHostedService<AccountsWarmUp>();
        services.AddScoped<KnownDevices>();
        services.AddScoped<FactorConfirmation>();
        services.AddScoped<Administrators>();

        // Before AddIdentityCore, which adds its own where there is none. It holds nothing of a request.
        services.AddSingleton<ILookupNormalizer, AccountLookupNormalizer>();
        services.AddSingleton<ISessionPrincipalFactory, StoredPrincipalFactory>();

        // AddIdentityCore, as AddIdentity would bring the cookie handlers along.
        services.AddIdentityCore<ApplicationUser>(options =>
            {
                options.Stores.SchemaVersion = IdentitySchemaVersions.Version3;
                options.User.RequireUniqueEmail = true;

                // A name that is given is validated with the request; one that is left out is the address, which may have any characters.
                options.User.AllowedUserNameCharacters = "";
            })
            .AddUserManager<ApplicationUserManager>()
            .AddRoles<IdentityRole<int>>()
            .AddEntityFrameworkStores<AuthDbContext>()
            .AddClaimsPrincipalFactory<ApplicationClaimsPrincipalFactory>()
            .AddSignInManager<ApplicationSignInManager>();

        services.AddRecentFactor();
        services.AddRecoverySession();
        return services;
    }
}
