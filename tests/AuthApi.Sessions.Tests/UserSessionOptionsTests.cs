using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions.Tests;

/// <summary>The options of sessions, as an application sets them.</summary>
internal sealed class UserSessionOptionsTests
{
    [TestCase("Sessions:IdleTimeout", "00:00:00.5")]
    [TestCase("Sessions:IdleTimeout", "13:00:00", Description = "longer than the absolute one")]
    [TestCase("Sessions:AbsoluteTimeout", "367.00:00:00")]
    [TestCase("Sessions:RememberMeIdleTimeout", "00:00:00")]
    [TestCase("Sessions:RememberMeIdleTimeout", "31.00:00:00", Description = "longer than the absolute one")]
    [TestCase("Sessions:RememberMeAbsoluteTimeout", "-1.00:00:00")]
    [TestCase("Sessions:RecentAuthentication", "00:00:00")]
    [TestCase("Sessions:RecentAuthentication", "2.00:00:00")]
    [TestCase("Sessions:CleanupInterval", "00:00:00")]
    [TestCase("Sessions:CleanupInterval", "2.00:00:00")]
    [TestCase("Sessions:MaxPerUser", "0")]
    [TestCase("Sessions:MaxPerUser", "1001")]
    [TestCase("Sessions:CacheSize", "99")]
    [TestCase("Sessions:CacheSize", "10000001")]
    [TestCase("Sessions:ClearSiteData", "\"storage\"\n")]
    [TestCase("Sessions:CookieName", "")]
    [TestCase("Sessions:CookieName", "a b")]
    [TestCase("Sessions:CookieName", "__Host-mine")]
    [TestCase("Sessions:CookieSameSite", "Unspecified")]
    [TestCase("Sessions:CookiePath", "shop")]
    [TestCase("Sessions:CookiePath", "/shop;secure")]
    [TestCase("Sessions:CookieDomain", "not a domain")]
    [TestCase("Sessions:CookieDomain", "127.0.0.1")]
    [TestCase("Sessions:Realm", "\"quoted\"")]
    [TestCase("Sessions:LoginPath", "Account/Login")]
    [TestCase("Sessions:AccessDeniedPath", "Account/No")]
    [TestCase("Sessions:ReturnUrlParameter", "")]
    [TestCase("Audit:Retention", "00:00:00")]
    [TestCase("Audit:Retention", "36501.00:00:00")]
    public async Task A_bad_option_stops_the_start_and_is_named(string key, string value)
    {
        var exception = await Assert.CatchAsync(() => StockApplication.StartAsync(new() { Settings = new() { [key] = value } }));

        Assert.That(exception, Is.InstanceOf<Exception>().And.Message.Contains(key));
    }

    [Test]
    public async Task A_bad_option_set_in_code_stops_the_start_too()
    {
        var exception = await Assert.CatchAsync(() => StockApplication.StartAsync(new() { Options = options => options.MaxPerUser = 0 }));

        Assert.That(exception!.Message, Does.Contain("Sessions:MaxPerUser"));
    }

    [Test]
    public async Task Code_wins_over_configuration()
    {
        await using var application = await StockApplication.StartAsync(new()
        {
            Settings = new() { ["Sessions:CookieName"] = "configured", ["Sessions:IdleTimeout"] = "00:10:00" },
            Options = options => options.CookieName = "coded",
        });
        using var browser = await application.NewLoggedInBrowserAsync();

        Assert.That(browser.Cookies.Keys, Is.EqualTo(new[] { "__Host-coded" }));
        var session = (await application.StoredSessionsAsync()).Single();
        Assert.That(session.IdleExpiresAt - session.CreatedAt, Is.EqualTo(TimeSpan.FromMinutes(10)));
    }

    [Test]
    public async Task Paths_are_read_from_configuration()
    {
        await using var application = await StockApplication.StartAsync(new() { Settings = new() { ["Sessions:LoginPath"] = "/in", ["Sessions:AccessDeniedPath"] = "/no" } });
        var options = application.Services.GetRequiredService<IOptions<UserSessionOptions>>().Value;

        Assert.That((options.LoginPath.Value, options.AccessDeniedPath.Value), Is.EqualTo(("/in", "/no")));
    }

    [Test]
    public async Task The_defaults_are_the_safe_values()
    {
        await using var application = await StockApplication.StartAsync();
        Assert.That(await SetCookieAsync(application), Does.Match("^__Host-session=[A-Za-z0-9_-]{43}; path=/; secure; samesite=strict; httponly$"));
        Assert.That(await SetCookieAsync(application, "http"), Does.Match("^session=[A-Za-z0-9_-]{43}; path=/; samesite=strict; httponly$"));
    }

    [TestCase("/shop", null, "__Secure-session", "; path=/shop;")]
    [TestCase("/", "example.com", "__Secure-session", "; domain=example.com;")]
    [TestCase("/", null, "__Host-session", "; path=/;")]
    public async Task A_path_or_a_domain_gives_up_the_host_prefix(string path, string? domain, string name, string attribute)
    {
        await using var application = await StockApplication.StartAsync(new() { Options = options => (options.CookiePath, options.CookieDomain) = (path, domain) });
        var cookie = await SetCookieAsync(application);

        Assert.That(cookie, Does.StartWith(name + "=").And.Contain(attribute).And.Contain("; secure"));

        // It is read by that name, and removed with the same attributes.
        using var browser = application.NewBrowser();
        await browser.LogInAsync();
        using var copy = browser.Copy();
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.SetCookies().Single(set => set.StartsWith(name, StringComparison.Ordinal)), Does.StartWith(name + "=;").And.Contain(attribute).And.Contain("max-age=0"));
        Assert.That(await copy.MeAsync(), Is.EqualTo(System.Net.HttpStatusCode.Unauthorized));
    }

    [TestCase(SameSiteMode.Lax, "https", "lax")]
    [TestCase(SameSiteMode.None, "https", "none")]
    [TestCase(SameSiteMode.None, "http", "lax", Description = "browsers keep None only where it is secure")]
    [TestCase(SameSiteMode.Strict, "https", "strict")]
    public async Task SameSite_is_set(SameSiteMode mode, string scheme, string expected)
    {
        await using var application = await StockApplication.StartAsync(new() { Options = options => options.CookieSameSite = mode });

        Assert.That(await SetCookieAsync(application, scheme), Does.Contain($"samesite={expected}"));
    }

    [Test]
    public async Task A_remembered_cookie_outlives_the_browser()
    {
        await using var application = await StockApplication.StartAsync(new()
        {
            Options = options => (options.RememberMeIdleTimeout, options.RememberMeAbsoluteTimeout) = (TimeSpan.FromDays(1), TimeSpan.FromDays(2)),
        });
        using var browser = application.NewBrowser();
        await browser.SignUpAsync();

        using var response = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password, rememberMe = true });

        Assert.That(response.SetCookies().Single(), Does.Contain("max-age=172800"));
        var session = (await application.StoredSessionsAsync()).Single();
        Assert.That(session.IdleExpiresAt - session.CreatedAt, Is.EqualTo(TimeSpan.FromDays(1)));
    }

    [Test]
    public async Task Outside_Development_no_session_is_served_over_plain_HTTP()
    {
        await using var application = await StockApplication.StartAsync(new() { Environment = "Production" });
        using var browser = await application.NewLoggedInBrowserAsync();
        using var plain = application.NewBrowser("http");
        plain.Cookies["session"] = plain.Cookies["__Host-session"] = browser.Token;

        Assert.That(await plain.MeAsync(), Is.EqualTo(System.Net.HttpStatusCode.Unauthorized));
        Assert.That(
            async () => await plain.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password }),
            Throws.InvalidOperationException.With.Message.Contains("UseForwardedHeaders"));
    }

    [Test]
    public async Task The_realm_is_the_applications_name_or_as_it_is_set()
    {
        await using var application = await StockApplication.StartAsync(new() { Options = options => options.Realm = "Shop" });

        using var response = await application.NewBrowser().GetAsync("/me/");

        Assert.That(response.Headers.WwwAuthenticate.ToString(), Is.EqualTo("Session realm=\"Shop\""));
    }

    private static async Task<string> SetCookieAsync(StockApplication application, string scheme = "https")
    {
        using var browser = application.NewBrowser(scheme);
        using var registration = await browser.PostAsync("/register/", new { email = "ada@example.com", password = Browser.Password });
        using var response = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        return response.SetCookies().Single();
    }
}
