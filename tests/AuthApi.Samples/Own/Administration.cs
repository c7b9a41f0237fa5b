using System.Security.Claims;
using Microsoft.AspNetCore.Identity;

namespace Microsoft.AspNetCore.Builder;

/// <summary>A call for administrators, and calls by which anyone becomes one: this application runs in a test, and nowhere else.</summary>
public static class Administration
{
    private const string Admin = nameof(Admin);

    public static void MapAdministration<TUser, TRole>(this WebApplication app)
        where TUser : class
        where TRole : class, new()
    {
        app.MapGet("/admin", (ClaimsPrincipal user) => $"{user.Identity?.Name} administers.").RequireAuthorization(policy => policy.RequireRole(Admin));
        app.MapPut("/admins/{name}", async (string name, UserManager<TUser> users, RoleManager<TRole> roles) =>
        {
            if (!await roles.RoleExistsAsync(Admin))
            {
                var role = new TRole();
                await roles.SetRoleNameAsync(role, Admin);
                await roles.CreateAsync(role);
            }

            await users.AddToRoleAsync((await users.FindByNameAsync(name))!, Admin);
        });
        app.MapDelete("/admins/{name}", async (string name, UserManager<TUser> users) =>
            await users.RemoveFromRoleAsync((await users.FindByNameAsync(name))!, Admin));
    }
}
