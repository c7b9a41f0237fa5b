using System.Globalization;
using System.Net;
using System.Security.Claims;
using AuthApi.Sessions.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>Several things that an application does with sessions within one request.</summary>
internal sealed class OneRequestTests
{
    private StockApplication _application = null!;
    private TaskCompletionSource _reached = null!;
    private TaskCompletionSource _goOn = null!;

    [SetUp]
    public async Task SetUp()
    {
        _reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _application = await StockApplication.StartAsync(new() { Map = Map });
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_sign_in_taken_back_leaves_no_live_session(bool isSignedInBefore)
    {
        using var browser = isSignedInBefore ? await _application.NewLoggedInBrowserAsync() : _application.NewBrowser();
        if (!isSignedInBefore)
        {
            await browser.SignUpAsync();
        }

        using var response = await browser.PostAsync("/login/banned/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        var cookies = response.Headers.GetValues("Set-Cookie").Where(cookie => cookie.StartsWith("__Host-session=", StringComparison.Ordinal)).ToList();
        Assert.That(cookies[^1], Does.StartWith("__Host-session=;"), "the last one removes it");
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        using var thief = _application.NewBrowser();
        thief.Cookies["__Host-session"] = cookies[0].Split(';')[0]["__Host-session=".Length..];
        Assert.That(await thief.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Two_sign_ins_leave_one_session()
    {
        using var browser = _application.NewBrowser();
        await browser.SignUpAsync();

        using var response = await browser.PostAsync("/login/twice/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_refresh_after_the_end_of_the_session_starts_none()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var copy = browser.Copy();
        var slow = copy.PostAsync("/refresh/slow/");
        await _reached.Task.WaitAsync(TimeSpan.FromSeconds(20));

        using (var logout = await browser.PostAsync("/logout/"))
        {
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        _goOn.SetResult();
        using var response = await slow;

        Assert.That(response.Headers.Contains("Set-Cookie"), Is.False);
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task After_a_refresh_the_others_end_and_this_one_stays()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var phone = await _application.NewLogInAsync();

        using var response = await browser.PostAsync("/refresh/others/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That((await browser.MeAsync(), await phone.MeAsync()), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Unauthorized)));
    }

    [Test]
    public async Task Claims_that_a_request_adds_are_gone_with_it()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();

        for (var i = 0; i < 3; i++)
        {
            using var response = await browser.GetAsync("/tenant/");
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("1"));
        }
    }

    [Test]
    public async Task Principals_are_seen_anew_where_it_is_asked_for()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        Assert.That((string?)(await browser.ReadMeAsync())["displayName"], Is.EqualTo("Ada"));
        await _application.QueryAsync(context => context.Set<AppUser>().ExecuteUpdateAsync(users => users.SetProperty(user => user.DisplayName, "Countess")));

        await _application.Services.GetRequiredService<UserSessionManager>().RefreshPrincipalsAsync(await _application.UserIdAsync());

        Assert.That((string?)(await browser.ReadMeAsync())["displayName"], Is.EqualTo("Countess"));
        Assert.That((await _application.StoredSessionsAsync()).Single().PrincipalVersion, Is.EqualTo(1));
    }

    [Test]
    public async Task A_row_that_the_application_deletes_is_seen_at_once()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        await _application.QueryAsync(async context =>
        {
            context.RemoveRange(await context.Set<UserSession>().ToListAsync());
            return await context.SaveChangesAsync();
        });

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_refused_save_on_an_open_connection_holds_nothing()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        await _application.QueryAsync(async context =>
        {
            await context.Database.OpenConnectionAsync();
            context.Add(new IdentityUserClaim<string> { UserId = "nobody", ClaimType = "any" });
            await Assert.ThrowsAsync<DbUpdateException>(() => context.SaveChangesAsync());
            context.ChangeTracker.Clear();

            using var logout = await browser.PostAsync("/logout/");
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));

            context.Add(new IdentityUserClaim<string> { UserId = await _application.UserIdAsync(), ClaimType = "any" });
            return await context.SaveChangesAsync();
        });
    }

    [Test]
    public async Task A_transaction_cancelled_before_it_begins_holds_nothing()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        using var cancelled = new CancellationTokenSource();
        await _application.QueryAsync(async context =>
        {
            // The slot is entered, and the token is cancelled before the statement BEGIN.
            await context.Database.OpenConnectionAsync();
            await _application.Services.GetRequiredService<WriteSlotInterceptor>().TransactionStartingAsync(context.Database.GetDbConnection(), null!, default, cancelled.Token);
            await cancelled.CancelAsync();
            await context.Database.GetDbConnection().CloseAsync();
            return true;
        });

        using var logout = await browser.PostAsync("/logout/");

        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    private void Map(WebApplication application)
    {
        application.MapPost("/login/banned/", async (UserManager<AppUser> users, SignInManager<AppUser> signIn) =>
        {
            await signIn.SignInAsync((await users.FindByNameAsync("ada@example.com"))!, isPersistent: false);
            await signIn.SignOutAsync();
        });
        application.MapPost("/login/twice/", async (UserManager<AppUser> users, SignInManager<AppUser> signIn) =>
        {
            var user = (await users.FindByNameAsync("ada@example.com"))!;
            await signIn.SignInAsync(user, isPersistent: false);
            await signIn.SignInAsync(user, isPersistent: true);
        });
        application.MapPost("/refresh/slow/", async (ClaimsPrincipal principal, UserManager<AppUser> users, SignInManager<AppUser> signIn) =>
        {
            var user = (await users.GetUserAsync(principal))!;
            _reached.SetResult();
            await _goOn.Task.WaitAsync(TimeSpan.FromSeconds(20));
            await signIn.RefreshSignInAsync(user);
        }).RequireAuthorization();
        application.MapPost("/refresh/others/", async (HttpContext context, UserManager<AppUser> users, SignInManager<AppUser> signIn, UserSessionManager sessions) =>
        {
            await signIn.RefreshSignInAsync((await users.GetUserAsync(context.User))!);
            await sessions.EndOthersAsync(context.GetUserSession());
        }).RequireAuthorization();
        application.MapGet("/tenant/", (HttpContext context) =>
        {
            ((ClaimsIdentity)context.User.Identity!).AddClaim(new Claim("tenant", "blue"));
            return context.User.FindAll("tenant").Count().ToString(CultureInfo.InvariantCulture);
        }).RequireAuthorization();
    }
}
