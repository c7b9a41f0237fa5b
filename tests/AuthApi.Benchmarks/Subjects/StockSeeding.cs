using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>Makes cookies of the stock application, each as one login would have set it.</summary>
internal static class StockSeeding
{
    private const string Email = "ada.lovelace@example.com";

    public static async Task<int> RunAsync(string folder, int count)
    {
        string[] args = ["--ConnectionStrings:Auth", $"Data Source={DataFolder.StockDatabase(folder)}"];
        await using var app = StockApplication.Build<StockDbContext>(args, folder, StockApplication.AddDatabase);
        await StockApplication.CreateDatabaseAsync<StockDbContext>(app);
        await using var scope = app.Services.CreateAsyncScope();
        var principal = await CreatePrincipalAsync(scope.ServiceProvider);
        var options = scope.ServiceProvider.GetRequiredService<IOptionsMonitor<CookieAuthenticationOptions>>().Get(IdentityConstants.ApplicationScheme);
        var now = scope.ServiceProvider.GetRequiredService<TimeProvider>().GetUtcNow();
        var properties = new AuthenticationProperties { IssuedUtc = now, ExpiresUtc = now + options.ExpireTimeSpan };
        var ticket = new AuthenticationTicket(principal, properties, IdentityConstants.ApplicationScheme);
        await using var cookies = File.CreateText(DataFolder.Cookies(folder));
        for (var made = 0; made < count; made++)
        {
            // Each is encrypted by itself, so no two are the same.
            await cookies.WriteLineAsync($"{options.Cookie.Name}={options.TicketDataFormat.Protect(ticket)}");
        }

        return 0;
    }

    /// <summary>Makes a user, and the principal that a login with a password has.</summary>
    public static async Task<ClaimsPrincipal> CreatePrincipalAsync(IServiceProvider services)
    {
        var user = new StockUser { Email = Email, UserName = Email };
        var created = await services.GetRequiredService<UserManager<StockUser>>().CreateAsync(user);
        if (!created.Succeeded)
        {
            throw new InvalidOperationException($"The user could not be created: {created}");
        }

        var principal = await services.GetRequiredService<IUserClaimsPrincipalFactory<StockUser>>().CreateAsync(user);
        principal.Identities.First().AddClaim(new Claim("amr", "pwd"));
        return principal;
    }
}
