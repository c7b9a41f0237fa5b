using System.Net;
using System.Security.Claims;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Accounts;

[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class MeTests(TestedStore database)
{
    [Test]
    public async Task Me_returns_the_account_and_the_session()
    {
        await using var application = new AuthApiApplication(store: database);
        using var browser = application.NewBrowser();
        var id = await browser.RegisterAsync("ada@example.com", userName: "ada");
        var session = await browser.LogInAsync("ada@example.com");
        application.Time.Advance(TimeSpan.FromMinutes(1));

        using var response = await browser.GetAsync("/me/");

        var me = await response.JsonAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(me["id"]!.GetValue<int>(), Is.EqualTo(id));
            Assert.That(me["email"]!.GetValue<string>(), Is.EqualTo("ada@example.com"));
            Assert.That(me["emailConfirmed"]!.GetValue<bool>(), Is.False);
            Assert.That(me["userName"]!.GetValue<string>(), Is.EqualTo("ada"));
            Assert.That(me["roles"]!.AsArray(), Is.Empty);
            Assert.That(me["twoFactorEnabled"]!.GetValue<bool>(), Is.False);
            Assert.That(me["session"]!["id"]!.GetValue<string>(), Is.EqualTo(session["id"]!.GetValue<string>()));
            Assert.That(me["session"]!["lastSeenAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(application.Time.GetUtcNow()));
            Assert.That(me["session"]!["expiresAt"]!.GetValue<DateTimeOffset>(), Is.EqualTo(application.Time.GetUtcNow().AddMinutes(30)));
            Assert.That(await response.Content.ReadAsStringAsync(), Does.Not.Contain(browser.Token));
        }
    }

    [Test]
    public async Task A_change_of_roles_or_account_shows_in_the_next_request()
    {
        await using var application = new AuthApiApplication(store: database);
        using var browser = await application.NewLoggedInBrowserAsync();
        using var before = await browser.GetAsync("/me/");
        Assert.That((await before.JsonAsync())["roles"]!.AsArray(), Is.Empty);

        await application.WithScopeAsync(async services =>
        {
            var users = services.GetRequiredService<UserManager<ApplicationUser>>();
            var ada = (await users.FindByEmailAsync("ada@example.com"))!;
            await services.GetRequiredService<RoleManager<IdentityRole<int>>>().CreateAsync(new IdentityRole<int>("Admin"));
            await users.AddToRoleAsync(ada, "Admin");

            // SetUserNameAsync changes the security stamp too, which ends the session.
            ada.UserName = "countess";
            await users.UpdateAsync(ada);
        });

        using var after = await browser.GetAsync("/me/");
        var me = await after.JsonAsync();
        Assert.That(me["roles"]!.AsArray().Select(role => role!.GetValue<string>()), Is.EqualTo(new[] { "Admin" }));
        Assert.That(me["userName"]!.GetValue<string>(), Is.EqualTo("countess"));
    }

    [Test]
    public async Task Account_fields_go_before_stored_claims()
    {
        await using var application = new AuthApiApplication(store: database);
        using var browser = await application.NewLoggedInBrowserAsync();
        await application.WithScopeAsync(async services =>
        {
            var users = services.GetRequiredService<UserManager<ApplicationUser>>();
            await users.AddClaimsAsync((await users.FindByEmailAsync("ada@example.com"))!,
            [
                new Claim(ClaimTypes.NameIdentifier, "77"),
                new Claim(ClaimTypes.Email, "another@example.com"),
                new Claim(ClaimTypes.Name, "another"),
                new Claim(ClaimTypes.Role, "Guest"),
            ]);
        });

        using var response = await browser.GetAsync("/me/");

        var me = await response.JsonAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(me["id"]!.GetValue<int>(), Is.EqualTo(1));
            Assert.That(me["email"]!.GetValue<string>(), Is.EqualTo("ada@example.com"));
            Assert.That(me["userName"]!.GetValue<string>(), Is.EqualTo("ada@example.com"));
            Assert.That(me["roles"]!.AsArray().Select(role => role!.GetValue<string>()), Is.EqualTo(new[] { "Guest" }));
        }
    }

    [Test]
    public async Task A_deleted_role_is_gone_in_the_next_request()
    {
        await using var application = new AuthApiApplication(store: database);
        using var browser = await application.NewLoggedInBrowserAsync();
        await application.WithScopeAsync(async services =>
        {
            var users = services.GetRequiredService<UserManager<ApplicationUser>>();
            await services.GetRequiredService<RoleManager<IdentityRole<int>>>().CreateAsync(new IdentityRole<int>("Admin"));
            await users.AddToRoleAsync((await users.FindByEmailAsync("ada@example.com"))!, "Admin");
        });
        using var before = await browser.GetAsync("/me/");
        Assert.That((await before.JsonAsync())["roles"]!.AsArray(), Has.Count.EqualTo(1));

        await application.WithScopeAsync(async services =>
        {
            var roles = services.GetRequiredService<RoleManager<IdentityRole<int>>>();
            await roles.DeleteAsync((await roles.FindByNameAsync("Admin"))!);
        });

        using var after = await browser.GetAsync("/me/");
        Assert.That((await after.JsonAsync())["roles"]!.AsArray(), Is.Empty);
    }

    [Test]
    public async Task A_deleted_accounts_sessions_are_dead_at_once()
    {
        await using var application = new AuthApiApplication(store: database);
        using var browser = await application.NewLoggedInBrowserAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        await application.WithScopeAsync(async services =>
        {
            var users = services.GetRequiredService<UserManager<ApplicationUser>>();
            await users.DeleteAsync((await users.FindByEmailAsync("ada@example.com"))!);
        });

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await application.StoredSessionsAsync(), Is.Empty);
    }
}
