using System.Net;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>The one call, before and after each way to register Identity.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class RegistrationTests(TestedStore store)
{
    [Test]
    public async Task A_copied_cookie_is_refused_after_the_logout(
        [Values("AddIdentity", "AddDefaultIdentity", "AddIdentityCore", "AddIdentityApiEndpoints")] string identity, [Values] bool isBefore)
    {
        await using var application = await StartAsync(identity, isBefore);
        using var browser = await application.NewLoggedInBrowserAsync();
        using var copy = browser.Copy();
        Assert.That(browser.Cookies.Keys, Is.EqualTo(new[] { "__Host-session" }));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(application.Logs.Of(nameof(IdentityCookieSettings)), Is.Empty, "nothing of Identity's own is complained of");

        using var logout = await browser.LogOutAsync();

        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(browser.Cookies.Keys, Has.None.EqualTo("__Host-session"));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await application.StoredSessionsAsync(), Is.Empty);
    }

    [Test]
    public async Task A_changed_password_ends_the_other_device(
        [Values("AddIdentity", "AddDefaultIdentity", "AddIdentityCore", "AddIdentityApiEndpoints")] string identity, [Values] bool isBefore)
    {
        await using var application = await StartAsync(identity, isBefore);
        using var browser = await application.NewLoggedInBrowserAsync();
        using var phone = await application.NewLogInAsync();

        using var response = await browser.PostAsync("/password/", new { current = Browser.Password, next = "another password" });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Identitys_own_endpoints_start_sessions([Values] bool isBefore)
    {
        await using var application = await StartAsync("AddIdentityApiEndpoints", isBefore, application =>
            application.MapGroup("/api").MapIdentityApi<AppUser>());
        using var browser = application.NewBrowser();
        await browser.SignUpAsync();

        using var login = await browser.PostAsync("/api/login?useCookies=true", new { email = "ada@example.com", password = Browser.Password });
        using var copy = browser.Copy();
        using var info = await browser.GetAsync("/api/manage/info");

        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(info.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await application.StoredSessionsAsync(), Has.Count.EqualTo(1));

        using var logout = await browser.LogOutAsync();
        using var refused = await copy.GetAsync("/api/manage/info");
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Bearer_tokens_of_Identitys_endpoints_still_work()
    {
        await using var application = await StartAsync("AddIdentityApiEndpoints", isBefore: false, application =>
            application.MapGroup("/api").MapIdentityApi<AppUser>());
        using var browser = application.NewBrowser();
        await browser.SignUpAsync();

        using var login = await browser.PostAsync("/api/login", new { email = "ada@example.com", password = Browser.Password });
        var token = (await login.JsonAsync())["accessToken"]!.GetValue<string>();
        using var info = await browser.SendAsync(HttpMethod.Get, "/api/manage/info", change: request => request.Headers.Add("Authorization", $"Bearer {token}"));

        Assert.That(info.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await application.StoredSessionsAsync(), Is.Empty);
    }

    [Test]
    public async Task The_scheme_is_swapped_and_the_others_stay([Values] bool isBefore)
    {
        await using var application = await StartAsync("AddIdentity", isBefore);
        var schemes = application.Services.GetRequiredService<IAuthenticationSchemeProvider>();

        Assert.That((await schemes.GetAllSchemesAsync()).Select(scheme => (scheme.Name, scheme.HandlerType.Name)), Is.EquivalentTo(new[]
        {
            (IdentityConstants.ApplicationScheme, "SessionAuthenticationHandler"),
            (IdentityConstants.ExternalScheme, "CookieAuthenticationHandler"),
            (IdentityConstants.TwoFactorRememberMeScheme, "CookieAuthenticationHandler"),
            (IdentityConstants.TwoFactorUserIdScheme, "CookieAuthenticationHandler"),
        }));
    }

    private Task<StockApplication> StartAsync(string identity, bool isBefore, Action<WebApplication>? map = null) => StockApplication.StartAsync(new()
    {
        Store = store,
        Map = map,
        Register = builder =>
        {
            if (isBefore)
            {
                AddSessions(builder);
            }

            AddIdentity(builder.Services, identity).AddEntityFrameworkStores<AppDbContext>();
            builder.AddAppDbContext<AppDbContext>();
            if (!isBefore)
            {
                AddSessions(builder);
            }
        },
    });

    private static void AddSessions(WebApplicationBuilder builder) =>
        builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UseStoreOf(builder).Configure(options => options.LoginPath = default));

    private static IdentityBuilder AddIdentity(IServiceCollection services, string identity)
    {
        switch (identity)
        {
            case "AddIdentity":
                return services.AddIdentity<AppUser, IdentityRole>(AppServices.WeakPasswords);
            case "AddDefaultIdentity":
                // What it does, without its pages.
                services.AddAuthentication(options =>
                {
                    options.DefaultScheme = IdentityConstants.ApplicationScheme;
                    options.DefaultSignInScheme = IdentityConstants.ExternalScheme;
                }).AddIdentityCookies();
                return services.AddIdentityCore<AppUser>(AppServices.WeakPasswords).AddDefaultTokenProviders().AddSignInManager();
            case "AddIdentityCore":
                return services.AddIdentityCore<AppUser>(AppServices.WeakPasswords).AddSignInManager();
            default:
                return services.AddIdentityApiEndpoints<AppUser>(AppServices.WeakPasswords);
        }
    }
}
