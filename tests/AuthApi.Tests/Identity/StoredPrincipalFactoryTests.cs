using System.Security.Claims;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Identity;

/// <summary>The program's own principal factory has Identity's claims.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class StoredPrincipalFactoryTests(TestedStore database)
{
    [TestCase(false, false)]
    [TestCase(true, false)]
    [TestCase(false, true)]
    [TestCase(true, true)]
    public async Task The_claims_are_those_of_Identity(bool hasRole, bool hasClaim)
    {
        await using var application = new AuthApiApplication(store: database);
        using var browser = await application.NewLoggedInBrowserAsync();
        await application.WithScopeAsync(async services =>
        {
            var (users, roles) = (services.GetRequiredService<UserManager<ApplicationUser>>(), services.GetRequiredService<RoleManager<IdentityRole<int>>>());
            var user = (await users.FindByEmailAsync("ada@example.com"))!;
            (user.EmailConfirmed, user.TwoFactorEnabled) = (hasRole, hasClaim);
            await users.UpdateAsync(user);
            var role = new IdentityRole<int>("Admin");
            await roles.CreateAsync(role);
            await roles.AddClaimAsync(role, new Claim("may", "everything"));
            if (hasRole)
            {
                await users.AddToRoleAsync(user, "Admin");
            }

            if (hasClaim)
            {
                await users.AddClaimAsync(user, new Claim("likes", "tea"));
            }

            var row = (await application.StoredSessionsAsync()).Single();
            var found = (await services.GetRequiredService<IUserSessionStore>().FindAsync(row.TokenHash))!;
            var identitys = await services.GetRequiredService<IUserClaimsPrincipalFactory<ApplicationUser>>().CreateAsync(user);
            var stored = (await services.GetRequiredService<ISessionPrincipalFactory>().CreateAsync(found))!;

            Assert.That(stored.Claims.Select(Text), Is.EquivalentTo(identitys.Claims.Where(claim => claim.Type != "AspNet.Identity.SecurityStamp").Select(Text)));
            Assert.That(stored.IsInRole("Admin"), Is.EqualTo(hasRole));
        });

        static string Text(Claim claim) => $"{claim.Type}={claim.Value} ({claim.ValueType})";
    }
}
