using AuthApi.Startup;
using Microsoft.Extensions.Options;

namespace AuthApi.AccountPage;

/// <summary>Registers the page on which a person uses their account.</summary>
public static class AccountPageServices
{
    public static IServiceCollection AddAccountPage(this IServiceCollection services, IHostEnvironment environment)
    {
        services.AddValidatedOptions<AccountPageOptions>(AccountPageOptions.Section);
        services.PostConfigure<AccountPageOptions>(options => options.Enabled ??= environment.IsDevelopment());
        services.AddSingleton<AccountPageFiles>();
        return services;
    }

    internal static bool HasAccountPage(this IServiceProvider services) => services.GetRequiredService<IOptions<AccountPageOptions>>().Value.Enabled == true;
}
