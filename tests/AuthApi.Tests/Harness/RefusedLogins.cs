using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Harness;

/// <summary>The logins that are refused, each for its own reason, which the answer must not show.</summary>
internal static class RefusedLogins
{
    public const string WrongPassword = "a wrong password";

    private const string Wrong = "not the password of anybody";
    private const string Locked = "locked@example.com";
    private const string Disabled = "disabled@example.com";
    private const string Unconfirmed = "unconfirmed@example.com";
    private const string Passwordless = "passwordless@example.com";

    public static readonly (string Kind, string Email, string Password)[] All =
    [
        (WrongPassword, "confirmed@example.com", Wrong),
        ("an unknown user", "nobody@example.com", Wrong),
        ("no address at all", "not an address", Wrong),
        ("a locked account", Locked, Browser.Password),
        ("a locked account, a wrong password", Locked, Wrong),
        ("a disabled account", Disabled, Browser.Password),
        ("an unconfirmed account, a wrong password", Unconfirmed, Wrong),
        ("an account without a password", Passwordless, Wrong),
    ];

    /// <summary>Requires confirmed addresses, and never locks an account however often it is tried.</summary>
    public static void Configure(IServiceCollection services) => services.PostConfigure<IdentityOptions>(options =>
    {
        options.SignIn.RequireConfirmedEmail = true;
        options.Lockout.MaxFailedAccessAttempts = int.MaxValue;
    });

    /// <summary>Makes the accounts.</summary>
    public static async Task RegisterAsync(AuthApiApplication application, Browser browser)
    {
        foreach (var email in All.Select(login => login.Email).Distinct().Where(email => email is not ("nobody@example.com" or "not an address")))
        {
            await browser.RegisterAsync(email);
            await ChangeAsync(application, email, user =>
            {
                user.EmailConfirmed = email != Unconfirmed;
                user.PasswordHash = email == Passwordless ? null : user.PasswordHash;
                user.LockoutEnd = email == Locked ? application.Time.GetUtcNow().AddMinutes(5) : null;
                user.DisabledAt = email == Disabled ? application.Time.GetUtcNow() : null;
            });
        }
    }

    private static Task<int> ChangeAsync(AuthApiApplication application, string email, Action<ApplicationUser> change) =>
        application.QueryAsync(async context =>
        {
            change(await context.Users.SingleAsync(user => user.Email == email));
            return await context.SaveChangesAsync();
        });
}
