using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>People who are signed in with Identity's own cookie when the application gets sessions.</summary>
internal sealed class IdentityCookieCarryOverTests
{
    private const string IdentityCookieName = ".AspNetCore.Identity.Application";

    private TemporaryFolder _folder = null!;
    private StockApplication _application = null!;
    private string _identityCookie = null!;
    private string _rememberedCookie = null!;

    [SetUp]
    public async Task SetUp()
    {
        _folder = new TemporaryFolder();
        await using (var before = await StockApplication.StartAsync(new() { Folder = _folder.Path, Register = RegisterWithoutSessions }))
        {
            using var browser = await before.NewLoggedInBrowserAsync();
            Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
            _identityCookie = browser.Cookies[IdentityCookieName];
            await browser.LogInAsync(rememberMe: true);
            _rememberedCookie = browser.Cookies[IdentityCookieName];
        }

        _application = await StartAsync(isCarriedOver: true);
    }

    [TearDown]
    public async Task TearDown()
    {
        await _application.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task A_cookie_becomes_a_session_once()
    {
        using var browser = NewBrowser();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        Assert.That(browser.Cookies[IdentityCookieName], Is.Empty, "it is removed");
        Assert.That(browser.Cookies["__Host-session"], Has.Length.EqualTo(SessionToken.TextLength));
        browser.Cookies.Remove(IdentityCookieName);
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));

        _application.Time.Advance(TimeSpan.FromMinutes(2));
        using var copy = NewBrowser();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task After_its_logout_the_same_cookie_is_refused()
    {
        using var browser = NewBrowser();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        using var logout = await browser.LogOutAsync();

        using var copy = NewBrowser();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That(await _application.EventsAsync(await _application.UserIdAsync()), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut }));
    }

    [Test]
    public async Task A_logout_with_the_old_cookie_ends_it()
    {
        using var browser = NewBrowser();

        using var logout = await browser.LogOutAsync();

        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(browser.Cookies.GetValueOrDefault("__Host-session", ""), Is.Empty, "no live token is left in the client");
        Assert.That(browser.Cookies[IdentityCookieName], Is.Empty);
        using var copy = NewBrowser();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
    }

    [Test]
    public async Task The_parallel_requests_of_one_page_all_succeed()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            using var browser = NewBrowser();
            using var response = await browser.GetAsync("/me/");
            return (response.StatusCode, HasSession: response.SetCookies().Any(set => set.StartsWith("__Host-session=", StringComparison.Ordinal)));
        }));

        Assert.That(answers.Select(answer => answer.StatusCode), Is.All.EqualTo(HttpStatusCode.OK));
        Assert.That(answers.Count(answer => answer.HasSession), Is.EqualTo(1));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Two_requests_that_start_the_session_at_once_both_succeed()
    {
        await _application.DisposeAsync();
        var gate = new GatedStore();
        _application = await StartAsync(isCarriedOver: true, gate.Wrap);
        using var first = NewBrowser();
        using var second = NewBrowser();
        gate.BeforeStart.Close();
        var slow = first.MeAsync();
        await gate.BeforeStart.Reached;

        Assert.That(await second.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        gate.BeforeStart.Open();

        Assert.That(await slow, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_cookie_whose_user_has_another_stamp_is_refused()
    {
        await _application.ChangeUserAsync((users, user) => users.UpdateSecurityStampAsync(user));
        using var browser = NewBrowser();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That(browser.Cookies.GetValueOrDefault("__Host-session", ""), Is.Empty);
    }

    [Test]
    public async Task A_cookie_of_a_deleted_user_is_refused()
    {
        await _application.ChangeUserAsync((users, user) => users.DeleteAsync(user));
        using var browser = NewBrowser();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_cookie_that_has_expired_is_refused()
    {
        _application.Time.Advance(TimeSpan.FromDays(15));
        using var browser = NewBrowser();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [TestCase("nonsense")]
    [TestCase("")]
    [TestCase("CfDJ8AAAAAAAAAAAAAAAAAAAAAA")]
    public async Task A_cookie_that_is_none_is_refused(string value)
    {
        using var browser = NewBrowser(value);

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Another_spelling_of_a_cookie_is_the_same_cookie()
    {
        using var browser = NewBrowser();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await browser.LogOutAsync();

        // The last character of base64url may have bits to spare.
        foreach (var last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        {
            using var copy = NewBrowser(_identityCookie[..^1] + last);
            Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), $"{last}");
        }

        foreach (var spelling in new[] { _identityCookie + "=", _identityCookie + "==", _identityCookie.Insert(10, " "), _identityCookie.Insert(10, "%20"), $"\"{_identityCookie}\"" })
        {
            using var copy = NewBrowser(spelling);
            Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), spelling);
        }
    }

    [Test]
    public async Task A_cookie_that_outlives_the_events_is_refused()
    {
        // When its start is no longer known, it could be carried over again.
        await _application.DisposeAsync();
        _application = await StartAsync(isCarriedOver: true, services => services.Configure<AuditOptions>(options => options.Retention = TimeSpan.FromDays(13)));
        using var browser = NewBrowser();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));

        _application.Time.Advance(TimeSpan.FromDays(1));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_carried_session_proves_nothing_recent()
    {
        using var browser = NewBrowser();
        await browser.MeAsync();
        using var other = await _application.NewLogInAsync();
        var id = (string?)(await other.ReadMeAsync())["sid"];

        using var response = await browser.DeleteAsync($"/sessions/{id}/");

        await response.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
    }

    [Test]
    public async Task A_remembered_cookie_becomes_a_remembered_session()
    {
        using var browser = NewBrowser(_rememberedCookie);

        using var response = await browser.GetAsync("/me/");

        Assert.That(
            response.SetCookies().Single(set => set.StartsWith("__Host-session=", StringComparison.Ordinal)),
            Does.Contain($"max-age={TimeSpan.FromDays(30).TotalSeconds};"));
        Assert.That((await _application.StoredSessionsAsync()).Single().RememberMe, Is.True);
    }

    [Test]
    public async Task A_login_beside_the_old_cookie_starts_one_session()
    {
        using var browser = NewBrowser();

        await browser.LogInAsync();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
        using var copy = NewBrowser();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_session_beside_the_old_cookie_is_the_one_that_counts()
    {
        using var browser = await _application.NewLogInAsync();
        browser.Cookies[IdentityCookieName] = _identityCookie;

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
        using var logout = await browser.LogOutAsync();
        Assert.That(browser.Cookies[IdentityCookieName], Is.Empty, "or the next request would carry it over");
    }

    [Test]
    public async Task An_old_cookie_of_the_sessions_name_is_replaced()
    {
        // As in an application that has given Identity's cookie the safe prefix.
        const string name = "__Host-shop";
        await _application.DisposeAsync();
        _application = await StartAsync(isCarriedOver: true, services => services.ConfigureApplicationCookie(options => options.Cookie.Name = name));
        using var browser = _application.NewBrowser();
        browser.Cookies[name] = _identityCookie;

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        Assert.That(browser.Cookies[name], Has.Length.EqualTo(SessionToken.TextLength));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task It_is_off_by_default()
    {
        await _application.DisposeAsync();
        _application = await StartAsync(isCarriedOver: false);
        using var browser = NewBrowser();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That(new UserSessionOptions().CarryOverIdentityCookies, Is.False);
    }

    private static void RegisterWithoutSessions(WebApplicationBuilder builder)
    {
        builder.AddAppDbContext<AppDbContext>();
        builder.Services.AddAuthorization();
        builder.Services.AddIdentity<AppUser, IdentityRole>(AppServices.WeakPasswords).AddEntityFrameworkStores<AppDbContext>();
    }

    private Task<StockApplication> StartAsync(bool isCarriedOver, Action<IServiceCollection>? services = null) => StockApplication.StartAsync(new()
    {
        Folder = _folder.Path,
        Services = services,
        Options = options =>
        {
            options.LoginPath = default;
            if (isCarriedOver)
            {
                options.CarryOverIdentityCookies = true;
            }
        },
    });

    private Browser NewBrowser(string? cookie = null)
    {
        var browser = _application.NewBrowser();
        browser.Cookies[IdentityCookieName] = cookie ?? _identityCookie;
        return browser;
    }
}
