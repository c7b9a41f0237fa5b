using System.Security.Claims;
using Microsoft.AspNetCore.Identity;
using Shop.Data;

namespace Microsoft.AspNetCore.Builder;

/// <summary>A call for administrators, and calls by which anyone becomes one: this application runs in a test, and nowhere else.</summary>
public static class Administration
{
    private const string Admin = nameof(Admin);

    public static void MapAdministration(this WebApplication app)
    {
        app.MapGet("/admin", (ClaimsPrincipal user) => $"{user.Identity?.Name} administers.").RequireAuthorization(policy => policy.RequireRole(Admin));
        app.MapPut("/admins/{name}", async (string name, UserManager<ApplicationUser> users, RoleManager<IdentityRole> roles) =>
        {
            if (!await roles.RoleExistsAsync(Admin))
            {
                await roles.CreateAsync(new IdentityRole(Admin));
            }

            await users.AddToRoleAsync((await users.FindByNameAsync(name))!, Admin);
        });
        app.MapDelete("/admins/{name}", async (string name, UserManager<ApplicationUser> users) =>
            await users.RemoveFromRoleAsync((await users.FindByNameAsync(name))!, Admin));
    }
}
