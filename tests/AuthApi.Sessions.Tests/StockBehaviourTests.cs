using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace AuthApi.Sessions.Tests;

/// <summary>What else of a stock application works as it did.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class StockBehaviourTests(TestedStore store)
{
    [Test]
    public async Task An_application_may_create_tables_and_users_before_it_runs()
    {
        await using var application = await StartAsync(new() { HasDatabase = false, Pipeline = CreateAndSeed });
        using var browser = await application.NewLogInAsync();
        using var copy = browser.Copy();
        Assert.That((string?)(await browser.ReadMeAsync())["roles"]![0], Is.EqualTo("Admin"));

        await application.ChangeUserAsync((users, user) => users.UpdateSecurityStampAsync(user));

        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task SignInManager_knows_who_is_signed_in()
    {
        await using var application = await StartAsync(new()
        {
            Map = application => application.MapGet("/signed-in/", (ClaimsPrincipal user, SignInManager<AppUser> signIn) => signIn.IsSignedIn(user)),
        });
        using var browser = await application.NewLoggedInBrowserAsync();

        Assert.That(await ReadAsync(browser), Is.EqualTo("true"));
        Assert.That(await ReadAsync(application.NewBrowser()), Is.EqualTo("false"));

        static async Task<string> ReadAsync(Browser browser)
        {
            using var response = await browser.GetAsync("/signed-in/");
            return await response.Content.ReadAsStringAsync();
        }
    }

    [Test]
    public async Task A_second_factor_is_in_the_session_and_stays_in_it()
    {
        await using var application = await StartAsync(new() { Map = MapTwoFactor });
        using var browser = application.NewBrowser();
        await browser.SignUpAsync();
        await application.ChangeUserAsync(async (users, user) =>
        {
            user.EmailConfirmed = true;
            await users.UpdateAsync(user);
            return await users.SetTwoFactorEnabledAsync(user, true);
        });

        using var password = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        Assert.That(password.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), "it requires the second factor");
        Assert.That(await application.StoredSessionsAsync(), Is.Empty);
        using var code = await browser.PostAsync("/login/2fa/");
        Assert.That(code.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await application.StoredSessionsAsync()).Single().AuthenticationMethods, Is.EqualTo(new[] { "mfa" }));

        using var change = await browser.PostAsync("/password/", new { current = Browser.Password, next = "another password" });
        Assert.That((await application.StoredSessionsAsync()).Single().AuthenticationMethods, Is.EqualTo(new[] { "mfa" }));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Claims_of_other_types_are_read()
    {
        await using var application = await StartAsync(new()
        {
            Services = services => services.Configure<IdentityOptions>(options =>
                (options.ClaimsIdentity.UserIdClaimType, options.ClaimsIdentity.SecurityStampClaimType, options.ClaimsIdentity.UserNameClaimType) = ("sub", "stamp", "name")),
        });
        using var browser = await application.NewLoggedInBrowserAsync();
        using var copy = browser.Copy();
        Assert.That((string?)(await browser.ReadMeAsync())["name"], Is.EqualTo("ada@example.com"));

        await application.ChangeUserAsync((users, user) => users.UpdateSecurityStampAsync(user));

        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [TestCase(true, true)]
    [TestCase(false, false)]
    public async Task A_sign_in_may_ask_for_an_earlier_end(bool isPersistent, bool hasMaxAge)
    {
        await using var application = await StartAsync(new()
        {
            Map = application => application.MapPost("/login/short/", async (UserManager<AppUser> users, SignInManager<AppUser> signIn, TimeProvider time) =>
                await signIn.SignInAsync((await users.FindByNameAsync("ada@example.com"))!, new AuthenticationProperties
                {
                    IsPersistent = isPersistent,
                    ExpiresUtc = time.GetUtcNow().AddMinutes(5),
                })),
        });
        using var browser = application.NewBrowser();
        await browser.SignUpAsync();

        using var response = await browser.PostAsync("/login/short/");
        Assert.That(response.SetCookies().Single().Contains("max-age=300", StringComparison.Ordinal), Is.EqualTo(hasMaxAge));

        application.Time.Advance(TimeSpan.FromMinutes(4));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        application.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_sign_in_may_not_ask_for_a_later_end()
    {
        await using var application = await StartAsync(new()
        {
            Map = application => application.MapPost("/login/long/", async (UserManager<AppUser> users, SignInManager<AppUser> signIn, TimeProvider time) =>
                await signIn.SignInAsync((await users.FindByNameAsync("ada@example.com"))!, new AuthenticationProperties { ExpiresUtc = time.GetUtcNow().AddYears(1) })),
        });
        using var browser = application.NewBrowser();
        await browser.SignUpAsync();

        using var response = await browser.PostAsync("/login/long/");

        var session = (await application.StoredSessionsAsync()).Single();
        Assert.That(session.AbsoluteExpiresAt - session.CreatedAt, Is.EqualTo(TimeSpan.FromHours(12)));
    }

    [Test]
    public async Task An_applications_own_authorization_result_handler_is_asked([Values] bool isBefore)
    {
        var handler = new Mock<IAuthorizationMiddlewareResultHandler>();
        handler.Setup(own => own.HandleAsync(It.IsAny<RequestDelegate>(), It.IsAny<HttpContext>(), It.IsAny<AuthorizationPolicy>(), It.IsAny<PolicyAuthorizationResult>()))
            .Returns((RequestDelegate _, HttpContext context, AuthorizationPolicy _, PolicyAuthorizationResult result) => context.Response.WriteAsync($"own: {result.Challenged}"));
        await using var application = await StartAsync(new()
        {
            Register = builder =>
            {
                if (isBefore)
                {
                    builder.Services.AddSingleton(handler.Object);
                }

                builder.AddAppDbContext<AppDbContext>();
                builder.Services.AddIdentity<AppUser, IdentityRole>(AppServices.WeakPasswords).AddEntityFrameworkStores<AppDbContext>();
                builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UseStoreOf(builder));
                if (!isBefore)
                {
                    builder.Services.AddSingleton(handler.Object);
                }
            },
        });

        using var response = await application.NewBrowser().GetAsync("/me/");

        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("own: True"));
    }

    [Test]
    public async Task A_login_ends_the_session_that_it_replaces()
    {
        await using var application = await StartAsync();
        using var browser = await application.NewLoggedInBrowserAsync();
        using var copy = browser.Copy();

        await browser.LogInAsync();

        Assert.That(browser.Token, Is.Not.EqualTo(copy.Token));
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_session_lives_on_after_a_restart()
    {
        using var folder = new TemporaryFolder();
        var setup = new AppSetup { Folder = folder.Path };
        if (store == TestedStore.PostgreSql)
        {
            var server = await PostgreSqlServer.SharedAsync();
            setup = setup with { ConnectionString = server.ConnectionString(await StockApplication.CreateDatabaseAsync(server)) };
        }

        string token;
        await using (var application = await StartAsync(setup))
        {
            using var browser = await application.NewLoggedInBrowserAsync();
            token = browser.Token;
        }

        await using var next = await StartAsync(setup);
        using var same = next.NewBrowser();
        same.Cookies["__Host-session"] = token;
        Assert.That(await same.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    private static void CreateAndSeed(WebApplication application)
    {
        using var scope = application.Services.CreateScope();
        CreateAndSeedAsync(scope.ServiceProvider).GetAwaiter().GetResult();
    }

    private static async Task CreateAndSeedAsync(IServiceProvider services)
    {
        await services.GetRequiredService<AppDbContext>().Database.EnsureCreatedAsync();
        await services.GetRequiredService<RoleManager<IdentityRole>>().CreateAsync(new IdentityRole("Admin"));
        var users = services.GetRequiredService<UserManager<AppUser>>();
        var user = new AppUser { UserName = "ada@example.com", Email = "ada@example.com" };
        await users.CreateAsync(user, Browser.Password);
        await users.AddToRoleAsync(user, "Admin");
        await users.UpdateSecurityStampAsync(user);
    }

    // As a page would that was sent the code.
    private static void MapTwoFactor(WebApplication application) => application.MapPost("/login/2fa/", async (UserManager<AppUser> users, SignInManager<AppUser> signIn) =>
    {
        var user = (await signIn.GetTwoFactorAuthenticationUserAsync())!;
        var code = await users.GenerateTwoFactorTokenAsync(user, TokenOptions.DefaultEmailProvider);
        return (await signIn.TwoFactorSignInAsync(TokenOptions.DefaultEmailProvider, code, isPersistent: false, rememberClient: false)).Succeeded;
    });

    private Task<StockApplication> StartAsync(AppSetup? setup = null) => StockApplication.StartAsync((setup ?? new AppSetup()) with { Store = store });
}
