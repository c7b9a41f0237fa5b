using System.Net;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>A database that is away for a while is no dead session: the answer is 503, and the client keeps its cookie.</summary>
internal sealed class StoreOutOfReachTests
{
    [Test]
    public async Task A_call_that_needs_a_session_is_a_503_with_the_cookie_kept([Values] bool hasExceptionHandler, [Values] bool isNavigation)
    {
        await using var application = await StockApplication.StartAsync(hasExceptionHandler ? AppSetup.WithExceptionHandler : new());
        using var browser = await application.NewLoggedInBrowserAsync();
        Away(application);

        using var response = await browser.SendAsync(HttpMethod.Get, "/me/", change: request =>
        {
            if (isNavigation)
            {
                request.Headers.Add("Sec-Fetch-Mode", "navigate");
            }
        });

        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(response.Headers.RetryAfter!.Delta, Is.GreaterThan(TimeSpan.Zero));
        Assert.That(response.Headers.WwwAuthenticate, Is.Empty);
        Assert.That(response.SetCookies(), Is.Empty);

        Back(application);
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task An_API_of_Identitys_own_schemes_is_a_503_too()
    {
        await using var application = await StockApplication.StartAsync(new()
        {
            Register = builder =>
            {
                builder.AddAppDbContext<AppDbContext>();
                builder.Services.AddIdentityApiEndpoints<AppUser>(AppServices.WeakPasswords).AddEntityFrameworkStores<AppDbContext>();
                builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UseSqlite());
            },
        });
        using var browser = await application.NewLoggedInBrowserAsync();
        Away(application);

        using var response = await browser.GetAsync("/me/");

        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(response.SetCookies(), Is.Empty);
    }

    [Test]
    public async Task A_logout_is_a_503_and_the_session_lives_on()
    {
        await using var application = await StockApplication.StartAsync(AppSetup.WithExceptionHandler);
        using var browser = await application.NewLoggedInBrowserAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "it is cached");
        Away(application);

        using var logout = await browser.LogOutAsync();
        await logout.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(logout.SetCookies(), Is.Empty);

        Back(application);
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        using var again = await browser.LogOutAsync();
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await browser.Copy().MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_logout_without_an_exception_handler_is_no_success()
    {
        await using var application = await StockApplication.StartAsync(new() { Environment = "Production" });
        using var browser = await application.NewLoggedInBrowserAsync();
        Away(application);

        // The test server hands on what Kestrel answers with 500.
        await Assert.ThatAsync(() => browser.LogOutAsync(), Throws.InstanceOf<Exception>());

        Back(application);
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_login_is_a_503_without_a_cookie()
    {
        await using var application = await StockApplication.StartAsync(AppSetup.WithExceptionHandler);
        using var browser = application.NewBrowser();
        await browser.SignUpAsync();
        Away(application);

        using var response = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(response.SetCookies(), Is.Empty);
    }

    [Test]
    public async Task A_call_that_needs_no_session_is_served()
    {
        await using var application = await StockApplication.StartAsync();
        using var browser = await application.NewLoggedInBrowserAsync();
        Away(application);

        using var response = await browser.GetAsync("/open/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await response.JsonAsync())["session"], Is.Null);
    }

    private static void Away(StockApplication application) => File.Move(application.DatabaseFile, application.DatabaseFile + ".away");

    private static void Back(StockApplication application) => File.Move(application.DatabaseFile + ".away", application.DatabaseFile);
}
