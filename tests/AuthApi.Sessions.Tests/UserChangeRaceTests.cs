using System.Collections.Concurrent;
using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions.Tests;

/// <summary>Changes to a user while their sessions are in use by many requests at once.</summary>
internal sealed class UserChangeRaceTests
{
    private const int Rounds = 15;

    // Of each session: the stamp that its user had when they signed in.
    private readonly ConcurrentDictionary<Guid, string?> _stamps = new();

    private StockApplication _application = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = await StockApplication.StartAsync(new AppSetup
        {
            Services = services => services.AddSingleton(_stamps).AddScoped<SignInManager<AppUser>, NotingSignInManager>(),
        });
        using var browser = _application.NewBrowser();
        await browser.SignUpAsync();
        await _application.WithScopeAsync(provider => provider.GetRequiredService<RoleManager<IdentityRole>>().CreateAsync(new IdentityRole("Admin")));
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    [CancelAfter(120_000)]
    public async Task No_request_after_a_change_of_the_stamp_is_accepted()
    {
        for (var round = 0; round < Rounds; round++)
        {
            using var browser = await _application.NewLogInAsync();
            await using var load = new Load(browser, "/me/");

            await _application.ChangeUserAsync((users, user) => users.UpdateSecurityStampAsync(user));

            for (var i = 0; i < 5; i++)
            {
                Assert.That(await browser.Copy().MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), $"round {round}");
            }
        }
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task No_request_after_the_loss_of_a_role_has_it()
    {
        using var browser = await _application.NewLogInAsync();
        await using var load = new Load(browser, "/admin/");
        for (var round = 0; round < Rounds; round++)
        {
            await _application.ChangeUserAsync((users, user) => users.AddToRoleAsync(user, "Admin"));
            Assert.That(await StatusAsync(browser), Is.EqualTo(HttpStatusCode.OK), $"round {round}");

            await _application.ChangeUserAsync((users, user) => users.RemoveFromRoleAsync(user, "Admin"));
            Assert.That(await StatusAsync(browser), Is.Not.EqualTo(HttpStatusCode.OK), $"round {round}");
        }

        static async Task<HttpStatusCode> StatusAsync(Browser browser)
        {
            using var response = await browser.Copy().GetAsync("/admin/");
            return response.StatusCode;
        }
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task Logins_beside_stamp_changes_leave_no_session_of_an_old_one()
    {
        const string StampChanged = "StampChanged";
        var userId = await _application.UserIdAsync();
        await ChangeStampAsync();
        var logins = Enumerable.Range(0, 30).Select(async index =>
        {
            using var browser = _application.NewBrowser();
            using var response = await browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        }).ToList();
        for (var i = 0; i < 10; i++)
        {
            await ChangeStampAsync();
        }

        await Task.WhenAll(logins);
        using var last = await _application.NewLogInAsync();

        // In the order of events, each session was started with the stamp of the change before it, and ended by the change after it.
        var (stamp, live) = ("", new HashSet<Guid>());
        foreach (var entry in await _application.EntriesAsync(userId))
        {
            switch (entry.Event)
            {
                case StampChanged:
                    Assert.That(live, Is.Empty);
                    stamp = entry.Reason;
                    break;
                case AuditEvent.SignedIn:
                    Assert.That(_stamps[entry.SessionId!.Value], Is.EqualTo(stamp));
                    live.Add(entry.SessionId.Value);
                    break;
                case AuditEvent.SessionRevoked:
                    live.Remove(entry.SessionId!.Value);
                    break;
            }
        }

        Assert.That(live, Is.Not.Empty);
        Assert.That((await _application.StoredSessionsAsync()).Select(session => session.Id), Is.EquivalentTo(live));

        Task ChangeStampAsync() => _application.WithScopeAsync(async provider =>
        {
            var (context, users) = (provider.GetRequiredService<AppDbContext>(), provider.GetRequiredService<UserManager<AppUser>>());
            await using var transaction = await context.Database.BeginTransactionAsync();
            var user = (await users.FindByIdAsync(userId))!;
            Assert.That((await users.UpdateSecurityStampAsync(user)).Succeeded, Is.True);
            context.AddAuditEntry(new AuditEntry { At = _application.Time.GetUtcNow(), Event = StampChanged, UserId = userId, SessionId = null, Reason = user.SecurityStamp });
            await context.SaveChangesAsync();
            await transaction.CommitAsync();
        });
    }

    [Test]
    [CancelAfter(120_000)]
    public async Task After_all_changes_sessions_are_cached_again()
    {
        using var browser = await _application.NewLogInAsync();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(index => _application.QueryAsync(async context =>
        {
            await using var transaction = index % 2 == 0 ? await context.Database.BeginTransactionAsync() : null;
            (await context.Users.SingleAsync()).DisplayName = $"Ada {index}";
            try
            {
                await context.SaveChangesAsync();
                await (transaction is null ? Task.CompletedTask : index % 4 == 0 ? transaction.CommitAsync() : transaction.RollbackAsync());
            }
            catch (DbUpdateConcurrencyException)
            {
                // Another was first.
            }

            return true;
        })));
        await browser.MeAsync();

        Assert.That(SessionToken.TryParse(browser.Token, out var token), Is.True);
        Assert.That(_application.Services.GetRequiredService<SessionCache>().Find(token.Hash), Is.Not.Null);
        Assert.That(
            (string?)(await browser.ReadMeAsync())["displayName"],
            Is.EqualTo(await _application.QueryAsync(context => context.Users.Select(user => user.DisplayName).SingleAsync())));
    }

    /// <summary>Notes which stamp a session was started with.</summary>
    private sealed class NotingSignInManager(
        UserManager<AppUser> users,
        IHttpContextAccessor contextAccessor,
        IUserClaimsPrincipalFactory<AppUser> claimsFactory,
        IOptions<IdentityOptions> options,
        ILogger<SignInManager<AppUser>> logger,
        IAuthenticationSchemeProvider schemes,
        IUserConfirmation<AppUser> confirmation,
        ConcurrentDictionary<Guid, string?> stamps) : SignInManager<AppUser>(users, contextAccessor, claimsFactory, options, logger, schemes, confirmation)
    {
        public override async Task SignInWithClaimsAsync(AppUser user, AuthenticationProperties? authenticationProperties, IEnumerable<Claim> additionalClaims)
        {
            var properties = authenticationProperties ?? new AuthenticationProperties();
            await base.SignInWithClaimsAsync(user, properties, additionalClaims);
            if (properties.GetStartedSession() is { } started)
            {
                stamps[started.Session.Id] = user.SecurityStamp;
            }
        }
    }

    /// <summary>Requests of one session, one after the other in each of some lanes, until it is disposed.</summary>
    private sealed class Load : IAsyncDisposable
    {
        private readonly List<Task> _lanes;
        private volatile bool _isDone;

        public Load(Browser browser, string path) => _lanes = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var copy = browser.Copy();
            while (!_isDone)
            {
                using var response = await copy.GetAsync(path);
            }
        }))];

        public async ValueTask DisposeAsync()
        {
            _isDone = true;
            await Task.WhenAll(_lanes);
        }
    }
}
