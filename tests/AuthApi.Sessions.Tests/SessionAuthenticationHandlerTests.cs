using System.Net;
using System.Net.Http.Json;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Moq;

namespace AuthApi.Sessions.Tests;

/// <summary>The handler in the real pipeline, with a store that misbehaves on cue.</summary>
internal sealed class SessionAuthenticationHandlerTests
{
    private static readonly StoreUnavailableException OutOfReach = new("The store is out of reach.");

    private Mock<IUserSessionStore> _store = null!;
    private StockApplication _application = null!;
    private Browser _browser = null!;
    private UserSession? _session;

    [SetUp]
    public async Task SetUp()
    {
        _session = null;
        _store = new Mock<IUserSessionStore>();
        _store.Setup(store => store.StartAsync(It.IsAny<UserSession>(), It.IsAny<SessionStart>()))
            .Callback((UserSession session, SessionStart _) => _session = session)
            .ReturnsAsync([]);
        _store.Setup(store => store.ListAsync(It.IsAny<string>())).ReturnsAsync([]);
        _store.Setup(store => store.FindAsync(It.IsAny<TokenHash>())).ReturnsAsync((TokenHash hash) => _session?.TokenHash == hash ? _session : null);
        _store.Setup(store => store.IsOutOfReach(It.IsAny<Exception?>())).Returns((Exception? exception) => exception is StoreUnavailableException);
        _application = await StockApplication.StartAsync(new()
        {
            Services = services => services.AddProblemDetails().Replace(ServiceDescriptor.Singleton(_store.Object)),
            Pipeline = application => application.UseExceptionHandler(),
        });
        _browser = await _application.NewLoggedInBrowserAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task The_handler_replaces_the_cookie_handler()
    {
        var schemes = _application.Services.GetRequiredService<IAuthenticationSchemeProvider>();

        foreach (var scheme in new[] { await schemes.GetDefaultAuthenticateSchemeAsync(), await schemes.GetDefaultChallengeSchemeAsync() })
        {
            Assert.That(scheme!.Name, Is.EqualTo(IdentityConstants.ApplicationScheme));
            Assert.That(scheme.HandlerType, Is.EqualTo(typeof(SessionAuthenticationHandler)));
        }
    }

    [Test]
    public async Task The_handler_is_the_default_where_there_is_no_other()
    {
        await using var application = await StockApplication.StartAsync(new() { Register = WithoutCookies });
        var scheme = await application.Services.GetRequiredService<IAuthenticationSchemeProvider>().GetDefaultSignOutSchemeAsync();

        Assert.That(scheme!.Name, Is.EqualTo(IdentityConstants.ApplicationScheme));
        Assert.That(scheme.HandlerType, Is.EqualTo(typeof(SessionAuthenticationHandler)));
    }

    [Test]
    public async Task Data_protection_is_not_registered_and_makes_no_keys()
    {
        await using var application = await StockApplication.StartAsync(new() { Register = WithoutCookies, HasDataProtection = false });

        Assert.That(application.Services.GetService<IDataProtectionProvider>(), Is.Null);
    }

    [Test]
    public async Task Data_Protection_is_not_used()
    {
        var keys = new Mock<IDataProtectionProvider>(MockBehavior.Strict);
        await using var application = await StockApplication.StartAsync(new()
        {
            Register = WithoutCookies,
            Services = services => services.Replace(ServiceDescriptor.Singleton(keys.Object)),
        });
        using var browser = await application.NewLoggedInBrowserAsync();

        await browser.ReauthenticateAsync();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(keys.Invocations, Is.Empty);
    }

    [Test]
    public async Task A_logout_that_the_store_refused_is_no_success()
    {
        _store.Setup(store => store.EndAsync(It.IsAny<string>(), It.IsAny<Guid>(), It.IsAny<SessionEnd>(), It.IsAny<DateTimeOffset>())).ThrowsAsync(OutOfReach);

        using var response = await _browser.LogOutAsync();

        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(response.Headers.RetryAfter!.Delta, Is.GreaterThan(TimeSpan.Zero));
        Assert.That(response.SetCookies(), Is.Empty, "the client keeps its cookie and tries again");
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_store_that_cannot_be_read_is_not_a_dead_session()
    {
        _store.Setup(store => store.FindAsync(It.IsAny<TokenHash>())).ThrowsAsync(OutOfReach);

        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
        {
            using var response = await _browser.SendAsync(method, method == HttpMethod.Get ? "/me/" : "/logout/");

            await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
            Assert.That(response.SetCookies(), Is.Empty);
            Assert.That(response.Headers.WwwAuthenticate, Is.Empty);
        }
    }

    [Test]
    public async Task A_call_that_needs_no_session_is_served_without_the_store()
    {
        _store.Setup(store => store.FindAsync(It.IsAny<TokenHash>())).ThrowsAsync(OutOfReach);

        using var response = await _browser.PostAsync("/register/", new { email = "bob@example.com", password = Browser.Password });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created));
    }

    [Test]
    public async Task A_login_that_cannot_end_the_callers_session_starts_none()
    {
        _store.Setup(store => store.FindAsync(It.IsAny<TokenHash>())).ThrowsAsync(OutOfReach);

        using var response = await _browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        _store.Verify(
            store => store.StartAsync(It.IsAny<UserSession>(), It.IsAny<SessionStart>()), Times.Once);
    }

    [Test]
    public async Task A_login_that_the_store_refused_gives_no_token()
    {
        _store.Setup(store => store.StartAsync(It.IsAny<UserSession>(), It.IsAny<SessionStart>()))
            .ThrowsAsync(OutOfReach);
        using var other = _application.NewBrowser();

        using var response = await other.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(response.SetCookies(), Is.Empty);
    }

    [Test]
    public async Task An_unhandled_exception_is_a_500_that_reveals_nothing()
    {
        _store.Setup(store => store.FindAsync(It.IsAny<TokenHash>())).ThrowsAsync(new InvalidOperationException("secret detail"));

        using var response = await _browser.GetAsync("/me/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.InternalServerError));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Not.Contain("secret detail"));
        Assert.That(response.SetCookies(), Is.Empty);
    }

    [Test]
    public async Task The_session_is_read_from_the_store_once_and_then_cached()
    {
        for (var i = 0; i < 10; i++)
        {
            await _browser.MeAsync();
        }

        _store.Verify(store => store.FindAsync(It.IsAny<TokenHash>()), Times.Once);
    }

    [Test]
    public async Task A_dead_token_is_read_once_in_a_request()
    {
        using var browser = _application.NewBrowser();
        browser.Cookies["__Host-session"] = SessionToken.Create().Reveal();
        _store.Invocations.Clear();

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));

        _store.Verify(store => store.FindAsync(It.IsAny<TokenHash>()), Times.Once);
    }

    [Test]
    public async Task Address_and_device_are_stored_clean_and_bounded()
    {
        using var phone = _application.NewBrowser();

        using var response = await phone.SendAsync(
            HttpMethod.Post,
            "/login/",
            JsonContent.Create(new { email = "ada@example.com", password = Browser.Password }),
            request => request.Headers.TryAddWithoutValidation("User-Agent", "Phone\u001b[31m" + new string('x', 600)));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(_session!.UserAgent, Has.Length.EqualTo(512));
        Assert.That(_session.UserAgent, Does.StartWith("Phone [31mxxx"));
    }

    [Test]
    public async Task A_claims_transformation_changes_one_request_only()
    {
        var transformation = new Mock<IClaimsTransformation>();
        transformation.Setup(visitor => visitor.TransformAsync(It.IsAny<ClaimsPrincipal>())).ReturnsAsync((ClaimsPrincipal user) =>
        {
            ((ClaimsIdentity)user.Identity!).AddClaim(new Claim(ClaimTypes.Role, "visitor"));
            return user;
        });
        await using var application = await StockApplication.StartAsync(new()
        {
            Services = services => services.Replace(ServiceDescriptor.Singleton(transformation.Object)),
        });
        using var browser = await application.NewLoggedInBrowserAsync();

        for (var i = 0; i < 3; i++)
        {
            using var me = await browser.GetAsync("/me/");
            Assert.That((await me.JsonAsync())["roles"]!.AsArray().Select(role => role!.GetValue<string>()), Is.EqualTo(new[] { "visitor" }));
        }
    }

    [TestCase(511, 511, TestName = "A_character_is_not_cut_in_half")]
    [TestCase(510, 512, TestName = "A_character_that_fits_is_whole")]
    public void A_long_user_agent_ends_with_a_whole_character(int before, int length)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers.UserAgent = new string('x', before) + "\U0001F98A and more";

        Assert.That(ClientInfo.Of(context).UserAgent, Has.Length.EqualTo(length));
    }

    // An API without Identity's cookies and without token providers.
    private static void WithoutCookies(WebApplicationBuilder builder)
    {
        builder.AddAppDbContext<AppDbContext>();
        builder.Services.AddIdentityCore<AppUser>(AppServices.WeakPasswords).AddRoles<IdentityRole>().AddEntityFrameworkStores<AppDbContext>().AddSignInManager();
        builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UseSqlite());
    }
}
