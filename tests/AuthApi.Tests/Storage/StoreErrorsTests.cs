using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using AuthApi.Tests.Sessions;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Storage;

internal sealed class StoreErrorsTests
{
    [Test]
    public async Task A_taken_value_is_a_unique_violation()
    {
        await using var application = new AuthApiApplication();
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
        await using var application = new AuthApiApplication();

        var exception = await Assert.ThrowsAsync<DbUpdateException>(() => application.QueryAsync(context =>
        {
            context.Set<UserSession>().Add(SessionExamples.New(userId: 999, application.Time.GetUtcNow()));
            return context.SaveChangesAsync();
        }));

        Assert.That(StoreErrors.IsUniqueViolation(exception!), Is.False);
    }
}
