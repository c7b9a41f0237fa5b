using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Storage;

[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class StoreErrorsTests(TestedStore database)
{
    [Test]
    public async Task A_taken_value_is_a_unique_violation()
    {
        await using var application = new AuthApiApplication(store: database);
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();

        var exception = await Assert.ThrowsAsync<DbUpdateException>(() => application.QueryAsync(context =>
        {
            context.Users.Add(new ApplicationUser { UserName = "other", NormalizedUserName = "OTHER", NormalizedEmail = "ADA@EXAMPLE.COM" });
            return context.SaveChangesAsync();
        }));

        Assert.That(StoreErrors.IsUniqueViolation(exception!), Is.True);
    }

    [Test]
    public async Task A_missing_parent_row_is_no_unique_violation()
    {
        await using var application = new AuthApiApplication(store: database);

        var exception = await Assert.ThrowsAsync<DbUpdateException>(() => application.QueryAsync(context =>
        {
            context.UserClaims.Add(new IdentityUserClaim<int> { UserId = 999, ClaimType = "any", ClaimValue = "thing" });
            return context.SaveChangesAsync();
        }));

        Assert.That(StoreErrors.IsUniqueViolation(exception!), Is.False);
    }
}
