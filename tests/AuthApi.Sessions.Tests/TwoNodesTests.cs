using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>
/// Two nodes on one PostgreSQL database: what one has acknowledged holds in each request that the other receives afterwards, whatever the other has cached.
/// </summary>
internal sealed class TwoNodesTests
{
    private const int Workers = 8;

    // 500, or as many as the environment says. Between two programs of AuthApi there are 2,000 logouts with each transport.
    private static readonly int Rounds = int.TryParse(Environment.GetEnvironmentVariable("AUTHAPI_TEST_ROUNDS"), CultureInfo.InvariantCulture, out var rounds) ? rounds : 500;

    private StockApplication _a = null!;
    private StockApplication _b = null!;

    [OneTimeSetUp]
    public void RequireServer() => PostgreSqlServer.Require();

    [SetUp]
    public async Task SetUp()
    {
        _a = await StockApplication.StartAsync(new() { Store = TestedStore.PostgreSql, Map = MapCalls });
        _b = await StockApplication.StartAsync(new() { Store = TestedStore.PostgreSql, Map = MapCalls, ConnectionString = _a.ConnectionString });
    }

    [TearDown]
    public async Task TearDown()
    {
        await _b.DisposeAsync();
        await _a.DisposeAsync();
    }

    [Test]
    public Task After_a_logout_on_one_node_the_other_accepts_nothing([Values] SessionTransport transport) =>
        NothingIsAcceptedAsync(Rounds, transport, async (_, browser) =>
        {
            using var response = await browser.LogOutAsync();
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        });

    [Test]
    public Task After_a_revocation_by_id_the_other_node_accepts_nothing() => NothingIsAcceptedAsync(Rounds, SessionTransport.Cookie, async (email, browser) =>
    {
        var id = (string?)(await browser.ReadMeAsync())["sid"];
        using var other = await _a.NewLogInAsync(email);
        using var response = await other.DeleteAsync($"/sessions/{id}/");
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        using var logout = await other.LogOutAsync();
    });

    [Test]
    public Task After_an_end_of_others_the_other_node_accepts_nothing() => NothingIsAcceptedAsync(Rounds, SessionTransport.Cookie, async (email, _) =>
    {
        using var other = await _a.NewLogInAsync(email);
        using var response = await other.PostAsync("/end-others/");
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var logout = await other.LogOutAsync();
    });

    [Test]
    public Task After_a_password_change_the_other_node_accepts_nothing() => NothingIsAcceptedAsync(Rounds, SessionTransport.Cookie, async (email, _) =>
    {
        using var other = await _a.NewLogInAsync(email);
        using var response = await other.PostAsync("/password/", new { current = Browser.Password, next = Browser.Password, staysSignedIn = false });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    });

    [Test]
    public Task After_a_deletion_of_the_user_the_other_node_accepts_nothing() => NothingIsAcceptedAsync(Rounds, SessionTransport.Cookie, async (email, _) =>
    {
        await _a.ChangeUserAsync((users, user) => users.DeleteAsync(user), email);
    }, isUserOfRound: true);

    [Test]
    public async Task A_role_is_gone_in_the_next_request_to_the_other_node()
    {
        await _a.WithScopeAsync(provider => provider.GetRequiredService<RoleManager<IdentityRole>>().CreateAsync(new IdentityRole("Admin")));
        await InRoundsAsync(Rounds, async (email, isFirst) =>
        {
            if (isFirst)
            {
                using var browser = _a.NewBrowser();
                await browser.SignUpAsync(email);
            }

            using var session = await _b.NewLogInAsync(email);
            await _a.ChangeUserAsync((users, user) => users.AddToRoleAsync(user, "Admin"), email);
            Assert.That(await AdminAsync(session), Is.EqualTo(HttpStatusCode.OK), "the role was given on the other node");
            await ProbeAsync(
                () => AdminAsync(session),
                HttpStatusCode.Forbidden,
                () => _a.ChangeUserAsync((users, user) => users.RemoveFromRoleAsync(user, "Admin"), email));
            using var logout = await session.LogOutAsync();
        });

        static async Task<HttpStatusCode> AdminAsync(Browser browser)
        {
            using var response = await browser.GetAsync("/admin/");
            return response.StatusCode;
        }
    }

    [Test]
    public async Task A_session_that_begins_beside_a_change_of_roles_has_the_new_ones()
    {
        await _a.WithScopeAsync(provider => provider.GetRequiredService<RoleManager<IdentityRole>>().CreateAsync(new IdentityRole("Admin")));
        await InRoundsAsync(rounds: 400, async (email, isFirst) =>
        {
            if (isFirst)
            {
                using var browser = _a.NewBrowser();
                await browser.SignUpAsync(email);
            }

            await _a.ChangeUserAsync((users, user) => users.AddToRoleAsync(user, "Admin"), email);
            var removal = _a.ChangeUserAsync((users, user) => users.RemoveFromRoleAsync(user, "Admin"), email);
            using var session = await _b.NewLogInAsync(email);
            await session.MeAsync();
            await removal;

            Assert.That((await session.ReadMeAsync())["roles"]!.AsArray(), Is.Empty);
            using var logout = await session.LogOutAsync();
        });
    }

    [Test]
    public async Task A_change_by_a_session_that_goes_on_shows_on_both_nodes()
    {
        using var onA = await _a.NewLoggedInBrowserAsync();
        using var onB = OnB(onA);
        Assert.That((string?)(await onB.ReadMeAsync())["name"], Is.EqualTo("ada@example.com"), "it is cached there");

        using var response = await onA.PostAsync("/rename/", new { name = "ada@lovelace.example" });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        foreach (var node in new[] { onA, onB })
        {
            Assert.That((string?)(await node.ReadMeAsync())["name"], Is.EqualTo("ada@lovelace.example"));
        }
    }

    [Test]
    public async Task Logins_on_two_nodes_leave_as_many_sessions_as_a_user_may_have()
    {
        using var browser = _a.NewBrowser();
        await browser.SignUpAsync();
        var max = _a.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<UserSessionOptions>>().Value.MaxPerUser;
        for (var i = 0; i < max; i++)
        {
            using var first = await _a.NewLogInAsync();
        }

        Advance(TimeSpan.FromMinutes(1));
        var browsers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? _a : _b).NewLogInAsync()));

        Assert.That(await _a.StoredSessionsAsync(), Has.Count.EqualTo(max));
        var live = 0;
        foreach (var one in browsers)
        {
            live += await one.MeAsync() == HttpStatusCode.OK ? 1 : 0;
            one.Dispose();
        }

        Assert.That(live, Is.EqualTo(Math.Min(max, 20)));
    }

    [Test]
    public async Task A_session_used_on_one_node_does_not_expire_on_the_other()
    {
        using var onA = await _a.NewLoggedInBrowserAsync();
        using var onB = OnB(onA);
        Assert.That(await onB.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "it is cached there, with the first use");

        // The idle timeout is half an hour.
        for (var minute = 1; minute <= 100; minute++)
        {
            Advance(TimeSpan.FromMinutes(1));
            Assert.That(await onA.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
            if (minute % 20 == 0)
            {
                await _b.Services.GetRequiredService<UserSessionManager>().CleanUpAsync(CancellationToken.None);
            }
        }

        Assert.That(await onB.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task A_use_just_before_the_idle_end_counts_on_the_other_node_at_once(CancellationToken cancellationToken)
    {
        using var onA = await _a.NewLoggedInBrowserAsync();
        using var onB = OnB(onA);
        Assert.That(await onB.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Advance(TimeSpan.FromMinutes(29.9));
        var at = _a.Time.GetUtcNow();

        Assert.That(await onA.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        // No interval passes: it is written for itself.
        while ((await _a.StoredSessionsAsync()).Single().LastSeenAt != at)
        {
            await Task.Delay(1, cancellationToken);
        }

        Advance(TimeSpan.FromMinutes(0.2));
        await _b.Services.GetRequiredService<UserSessionManager>().CleanUpAsync(CancellationToken.None);
        Assert.That(await onB.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_session_used_on_no_node_expires_on_both()
    {
        using var onA = await _a.NewLoggedInBrowserAsync();
        using var onB = OnB(onA);
        Assert.That(await onB.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        Advance(TimeSpan.FromMinutes(31));

        Assert.That((await onB.MeAsync(), await onA.MeAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)));
    }

    [Test]
    public async Task A_renewed_token_replaces_the_old_one_on_the_other_node()
    {
        using var onA = await _a.NewLoggedInBrowserAsync();
        using var old = OnB(onA);
        Assert.That(await old.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        using var response = await onA.PostAsync("/reauthenticate/", new { password = Browser.Password });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using var renewed = OnB(onA);
        Assert.That((await old.MeAsync(), await renewed.MeAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.OK)));
    }

    [Test]
    public async Task A_cookie_that_both_nodes_carry_over_becomes_one_session()
    {
        const string name = ".AspNetCore.Identity.Application";
        using var folder = new TemporaryFolder();
        string cookie;
        await using (var before = await StockApplication.StartAsync(Setup() with
        {
            Register = builder =>
            {
                builder.AddAppDbContext<AppDbContext>();
                builder.Services.AddIdentity<AppUser, IdentityRole>(AppServices.WeakPasswords).AddEntityFrameworkStores<AppDbContext>();
                builder.Services.AddAuthorization();
            },
        }))
        {
            using var browser = await before.NewLoggedInBrowserAsync();
            cookie = browser.Cookies[name];
        }

        await using var a = await StockApplication.StartAsync(Setup());
        await using var b = await StockApplication.StartAsync(Setup());
        var statuses = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            using var browser = (i % 2 == 0 ? a : b).NewBrowser();
            browser.Cookies[name] = cookie;
            return await browser.MeAsync();
        }));

        Assert.That(statuses, Is.All.EqualTo(HttpStatusCode.OK));
        Assert.That(await a.StoredSessionsAsync(), Has.Count.EqualTo(1));

        // The keys of Data Protection are shared too.
        AppSetup Setup() => new()
        {
            Store = TestedStore.PostgreSql,
            ConnectionString = _a.ConnectionString,
            Folder = folder.Path,
            Options = options => options.CarryOverIdentityCookies = true,
        };
    }

    private static void MapCalls(WebApplication application)
    {
        application.MapPost("/end-others/", (HttpContext context, UserSessionManager sessions) => sessions.EndOthersAsync(context.FindUserSession()!)).RequireAuthorization();
        application.MapPost("/rename/", async (NewName change, HttpContext context, UserManager<AppUser> users) =>
        {
            var user = (await users.GetUserAsync(context.User))!;
            user.UserName = change.Name;
            context.KeepUserSession();
            return (await users.UpdateSecurityStampAsync(user)).Succeeded ? Results.Ok() : Results.BadRequest();
        }).RequireAuthorization();
    }

    /// <summary>
    /// In each round a session is used on both nodes and ended on the first; a request that is sent to the second after the end was acknowledged is refused.
    /// </summary>
    private Task NothingIsAcceptedAsync(int rounds, SessionTransport transport, Func<string, Browser, Task> end, bool isUserOfRound = false) => InRoundsAsync(rounds, async (email, isFirst) =>
    {
        using var browser = _a.NewBrowser();
        if (isFirst || isUserOfRound)
        {
            await browser.SignUpAsync(email);
        }

        await LogInAsync(browser, email, transport);
        using var onB = OnB(browser, transport);
        Assert.That((await browser.MeAsync(), await onB.MeAsync()), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)), "both have cached it");
        await ProbeAsync(onB.MeAsync, HttpStatusCode.Unauthorized, () => end(email, browser));
    });

    private static async Task LogInAsync(Browser browser, string email, SessionTransport transport)
    {
        if (transport == SessionTransport.Cookie)
        {
            await browser.LogInAsync(email);
            return;
        }

        using var response = await browser.PostAsync("/login/header/", new { email, password = Browser.Password });
        browser.Token = (await response.JsonAsync())["sessionToken"]!.GetValue<string>();
    }

    // Two clients send one request after another while the change is made. Each notes before it sends one whether the change has been acknowledged.
    private static async Task ProbeAsync(Func<Task<HttpStatusCode>> request, HttpStatusCode expected, Func<Task> change)
    {
        var isAcknowledged = 0;
        var probes = Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            while (true)
            {
                var isAfter = Volatile.Read(ref isAcknowledged) == 1;
                var status = await request();
                if (isAfter)
                {
                    return status;
                }

                Assert.That(status, Is.EqualTo(HttpStatusCode.OK).Or.EqualTo(expected));
            }
        })).ToArray();
        try
        {
            await change();
        }
        finally
        {
            Volatile.Write(ref isAcknowledged, 1);
        }

        Assert.That(await Task.WhenAll(probes), Is.All.EqualTo(expected));
        Assert.That(await request(), Is.EqualTo(expected));
    }

    private static Task InRoundsAsync(int rounds, Func<string, bool, Task> round) => Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(async () =>
    {
        for (var i = 0; i < rounds / Workers; i++)
        {
            await round($"user{worker}@example.com", i == 0);
        }
    })));

    private Browser OnB(Browser browser, SessionTransport transport = SessionTransport.Cookie)
    {
        var other = _b.NewBrowser();
        if (transport == SessionTransport.Header)
        {
            other.Token = browser.Token;
            return other;
        }

        foreach (var (name, value) in browser.Cookies)
        {
            other.Cookies[name] = value;
        }

        return other;
    }

    private void Advance(TimeSpan time)
    {
        _a.Time.Advance(time);
        _b.Time.Advance(time);
    }

    private sealed record NewName(string Name);
}
