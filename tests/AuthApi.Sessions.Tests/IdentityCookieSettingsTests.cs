using System.Net;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Moq;

namespace AuthApi.Sessions.Tests;

/// <summary>What an application has set by <c>ConfigureApplicationCookie</c>, for Identity's cookie, holds for sessions.</summary>
internal sealed class IdentityCookieSettingsTests
{
    [Test]
    public async Task Settings_of_the_cookie_are_taken_over([Values] bool isBefore)
    {
        await using var application = await StartAsync(isBefore, cookie =>
        {
            cookie.LoginPath = "/in";
            cookie.AccessDeniedPath = "/no";
            cookie.ReturnUrlParameter = "to";
            cookie.Cookie.Name = "__Host-shop";
            cookie.Cookie.SameSite = SameSiteMode.None;
            cookie.ExpireTimeSpan = TimeSpan.FromMinutes(5);
        });
        using var browser = application.NewBrowser();
        await browser.SignUpAsync();

        using var login = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        using var page = await application.NewBrowser().SendAsync(HttpMethod.Get, "/page/", change: request => request.Headers.Add("Sec-Fetch-Mode", "navigate"));

        Assert.That(login.SetCookies().Single(), Does.StartWith("__Host-shop=").And.Contain("samesite=none"));
        Assert.That(page.Headers.Location!.OriginalString, Is.EqualTo("https://localhost/in?to=%2Fpage%2F"));
        Assert.That(Options(application).AccessDeniedPath.Value, Is.EqualTo("/no"));

        application.Time.Advance(TimeSpan.FromMinutes(4));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        application.Time.Advance(TimeSpan.FromMinutes(4));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "it slides");
        application.Time.Advance(TimeSpan.FromMinutes(5));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(application.Logs.Of(nameof(IdentityCookieSettings)), Is.Empty);
    }

    [Test]
    public async Task Settings_of_the_cookies_domain_and_path_are_taken_over()
    {
        await using var application = await StartAsync(isBefore: true, cookie => (cookie.Cookie.Domain, cookie.Cookie.Path) = ("example.com", "/shop"));

        Assert.That((Options(application).CookieDomain, Options(application).CookiePath), Is.EqualTo(("example.com", "/shop")));
    }

    [TestCase("shop", "shop")]
    [TestCase("__Host-shop", "shop")]
    [TestCase("__Secure-shop", "shop")]
    [TestCase(".AspNetCore.Identity.Application", "session", Description = "Identity's own")]
    public async Task A_name_is_taken_over_without_its_prefix(string name, string expected)
    {
        await using var application = await StartAsync(isBefore: true, cookie => cookie.Cookie.Name = name);

        Assert.That(Options(application).CookieName, Is.EqualTo(expected));
    }

    [Test]
    public async Task A_timeout_that_does_not_slide_is_the_absolute_one()
    {
        await using var application = await StartAsync(isBefore: true, cookie => (cookie.ExpireTimeSpan, cookie.SlidingExpiration) = (TimeSpan.FromMinutes(5), false));
        using var browser = await application.NewLoggedInBrowserAsync();

        application.Time.Advance(TimeSpan.FromMinutes(4));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        application.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_timeout_longer_than_the_absolute_one_moves_that()
    {
        await using var application = await StartAsync(isBefore: true, cookie => cookie.ExpireTimeSpan = TimeSpan.FromDays(90));
        var options = Options(application);

        Assert.That(
            (options.IdleTimeout, options.AbsoluteTimeout, options.RememberMeIdleTimeout, options.RememberMeAbsoluteTimeout),
            Is.EqualTo((TimeSpan.FromDays(90), TimeSpan.FromDays(90), TimeSpan.FromDays(90), TimeSpan.FromDays(90))));
    }

    [Test]
    public async Task What_Identity_sets_itself_leaves_the_safe_values()
    {
        await using var application = await StockApplication.StartAsync();
        var (options, safe) = (Options(application), new UserSessionOptions());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(options.LoginPath.Value, Is.EqualTo("/Account/Login"));
            Assert.That(options.AccessDeniedPath.Value, Is.EqualTo("/Account/AccessDenied"));
            Assert.That(options.CookieName, Is.EqualTo(safe.CookieName));
            Assert.That(options.CookieSameSite, Is.EqualTo(safe.CookieSameSite));
            Assert.That(options.CookiePath, Is.EqualTo(safe.CookiePath));
            Assert.That(options.CookieDomain, Is.Null);
            Assert.That(options.IdleTimeout, Is.EqualTo(safe.IdleTimeout));
            Assert.That(options.AbsoluteTimeout, Is.EqualTo(safe.AbsoluteTimeout));
            Assert.That(application.Logs.Of(nameof(IdentityCookieSettings)), Is.Empty);
        }
    }

    [Test]
    public async Task The_applications_options_of_sessions_win()
    {
        await using var application = await StockApplication.StartAsync(new()
        {
            Register = builder =>
            {
                AddIdentity(builder);
                AddSessions(builder, options => options.CookieName = "mine");
                builder.Services.ConfigureApplicationCookie(cookie => cookie.Cookie.Name = "shop");
            },
        });

        Assert.That(Options(application).CookieName, Is.EqualTo("mine"));
    }

    private static IEnumerable<TestCaseData> NotTakenOver()
    {
        yield return Case("Cookie.HttpOnly", cookie => cookie.Cookie.HttpOnly = false);
        yield return Case("Cookie.SecurePolicy", cookie => cookie.Cookie.SecurePolicy = CookieSecurePolicy.None);
        yield return Case("Cookie.MaxAge", cookie => cookie.Cookie.MaxAge = TimeSpan.FromDays(1));
        yield return Case("SessionStore", cookie => cookie.SessionStore = Mock.Of<ITicketStore>());
        yield return Case("Events", cookie => cookie.EventsType = typeof(CookieAuthenticationEvents));
        yield return Case("Events", cookie => cookie.Events = new OwnEvents());
        yield return Case("Events.OnRedirectToLogin", cookie => cookie.Events.OnRedirectToLogin = _ => Task.CompletedTask);
        yield return Case("Events.OnRedirectToAccessDenied", cookie => cookie.Events.OnRedirectToAccessDenied = _ => Task.CompletedTask);
        yield return Case("Events.OnRedirectToLogout", cookie => cookie.Events.OnRedirectToLogout = _ => Task.CompletedTask);
        yield return Case("Events.OnRedirectToReturnUrl", cookie => cookie.Events.OnRedirectToReturnUrl = _ => Task.CompletedTask);
        yield return Case("Events.OnSigningIn", cookie => cookie.Events.OnSigningIn = _ => Task.CompletedTask);
        yield return Case("Events.OnSignedIn", cookie => cookie.Events.OnSignedIn = _ => Task.CompletedTask);
        yield return Case("Events.OnSigningOut", cookie => cookie.Events.OnSigningOut = _ => Task.CompletedTask);
        yield return Case("Events.OnCheckSlidingExpiration", cookie => cookie.Events.OnCheckSlidingExpiration = _ => Task.CompletedTask);
        yield return Case("Events.OnValidatePrincipal", cookie => cookie.Events.OnValidatePrincipal = _ => Task.CompletedTask);

        static TestCaseData Case(string setting, Action<CookieAuthenticationOptions> configure) => new TestCaseData(setting, configure).SetArgDisplayNames(setting);
    }

    [TestCaseSource(nameof(NotTakenOver))]
    public async Task A_setting_without_meaning_for_sessions_is_logged(string setting, Action<CookieAuthenticationOptions> configure)
    {
        await using var application = await StartAsync(isBefore: false, configure);

        Assert.That(application.Logs.Of(nameof(IdentityCookieSettings)).Single(), Does.StartWith(setting).And.Contain("does not hold for sessions"));
        using var browser = await application.NewLoggedInBrowserAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    private static UserSessionOptions Options(StockApplication application) => application.Services.GetRequiredService<IOptions<UserSessionOptions>>().Value;

    private static Task<StockApplication> StartAsync(bool isBefore, Action<CookieAuthenticationOptions> configure) => StockApplication.StartAsync(new()
    {
        Register = builder =>
        {
            // After AddIdentity, as the framework wants it.
            AddIdentity(builder);
            if (isBefore)
            {
                builder.Services.ConfigureApplicationCookie(configure);
            }

            AddSessions(builder, _ => { });
            if (!isBefore)
            {
                builder.Services.ConfigureApplicationCookie(configure);
            }
        },
    });

    private static void AddIdentity(WebApplicationBuilder builder)
    {
        builder.AddAppDbContext<AppDbContext>();
        builder.Services.AddIdentity<AppUser, IdentityRole>(AppServices.WeakPasswords).AddEntityFrameworkStores<AppDbContext>();
    }

    private static void AddSessions(WebApplicationBuilder builder, Action<UserSessionOptions> options) =>
        builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UseSqlite().Configure(options));

    private sealed class OwnEvents : CookieAuthenticationEvents;
}
