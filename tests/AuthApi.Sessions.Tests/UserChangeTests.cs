using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>What a change to a user, by whatever code of the application, does to their sessions.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class UserChangeTests(TestedStore store)
{
    private const string StampChanged = "security_stamp_changed";

    private StockApplication _application = null!;
    private Browser _browser = null!;
    private Browser _copy = null!;
    private Browser _otherUser = null!;
    private string _userId = null!;

    private static IEnumerable<TestCaseData> CredentialChanges()
    {
        yield return Case("UpdateSecurityStamp", (users, user) => users.UpdateSecurityStampAsync(user));
        yield return Case("ChangePassword", (users, user) => users.ChangePasswordAsync(user, Browser.Password, "another password"));
        yield return Case("ResetPassword", async (users, user) => await users.ResetPasswordAsync(user, await users.GeneratePasswordResetTokenAsync(user), "another password"));
        yield return Case("RemovePassword", (users, user) => users.RemovePasswordAsync(user));
        yield return Case("SetEmail", (users, user) => users.SetEmailAsync(user, "ada@example.org"));
        yield return Case("ChangeEmail", async (users, user) => await users.ChangeEmailAsync(user, "ada@example.org", await users.GenerateChangeEmailTokenAsync(user, "ada@example.org")));
        yield return Case("SetUserName", (users, user) => users.SetUserNameAsync(user, "ada"));
        yield return Case("SetPhoneNumber", (users, user) => users.SetPhoneNumberAsync(user, "+44 20 7946 0000"));
        yield return Case("SetTwoFactorEnabled", (users, user) => users.SetTwoFactorEnabledAsync(user, true));
        yield return Case("ResetAuthenticatorKey", (users, user) => users.ResetAuthenticatorKeyAsync(user));
        yield return Case("RemoveLogin", (users, user) => users.RemoveLoginAsync(user, "Elsewhere", "1"));

        static TestCaseData Case(string name, Func<UserManager<AppUser>, AppUser, Task<IdentityResult>> change) =>
            new TestCaseData(change).SetArgDisplayNames(name);
    }

    [OneTimeSetUp]
    public void RequireStore() => AppServices.Require(store);

    [SetUp]
    public async Task SetUp()
    {
        _application = await StartAsync(new() { Map = MapMore });
        _browser = await _application.NewLoggedInBrowserAsync();
        _copy = _browser.Copy();
        _otherUser = await _application.NewLoggedInBrowserAsync("eve@example.com");
        _userId = await _application.UserIdAsync();
        Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK)));
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        _copy.Dispose();
        _otherUser.Dispose();
        await _application.DisposeAsync();
    }

    [TestCaseSource(nameof(CredentialChanges))]
    public async Task A_changed_credential_ends_all_sessions_of_its_user(Func<UserManager<AppUser>, AppUser, Task<IdentityResult>> change)
    {
        using var phone = await _application.NewLogInAsync();
        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        await _application.ChangeUserAsync((users, user) => users.AddLoginAsync(user, new UserLoginInfo("Elsewhere", "1", "Elsewhere")));

        await _application.ChangeUserAsync(change);

        await AllEndedAsync();
        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await EndsAsync(), Is.EqualTo(new[] { (AuditEvent.SessionRevoked, StampChanged), (AuditEvent.SessionRevoked, StampChanged) }));
    }

    [TestCase("key")]
    [TestCase("enable")]
    [TestCase("codes")]
    public async Task A_factor_changed_by_its_user_spares_this_session(string change)
    {
        using var phone = await _application.NewLogInAsync();

        using var response = await _browser.PostAsync($"/factor/{change}/", new { });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        // Recovery codes change no stamp.
        var other = change == "codes" ? HttpStatusCode.OK : HttpStatusCode.Unauthorized;
        Assert.That((await _browser.MeAsync(), await phone.MeAsync()), Is.EqualTo((HttpStatusCode.OK, other)));
    }

    [TestCase("key-and-name")]
    [TestCase("stamp")]
    public async Task What_is_more_than_a_factor_ends_this_session_too(string change)
    {
        using var response = await _browser.PostAsync($"/factor/{change}/", new { });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_stamp_changed_by_SaveChanges_ends_all_sessions()
    {
        // Without a manager, and without await.
        await _application.QueryAsync(async context =>
        {
            var user = await context.Users.SingleAsync(user => user.Id == _userId);
            user.SecurityStamp = "another";
#pragma warning disable CA1849 // The interceptor has a synchronous half too.
            return context.SaveChanges();
#pragma warning restore CA1849
        });

        await AllEndedAsync();
    }

    [TestCase(false, false)]
    [TestCase(true, false)]
    [TestCase(true, true, Description = "the application sets a column of its own as it saves")]
    public async Task A_detached_user_with_another_stamp_ends_all_sessions(bool isAttachedFirst, bool setsColumn)
    {
        var user = await _application.QueryAsync(context => context.Users.AsNoTracking().SingleAsync(user => user.Id == _userId));
        user.SecurityStamp = "another";

        await _application.QueryAsync(context =>
        {
            if (isAttachedFirst)
            {
                context.Attach(user).State = EntityState.Modified;
                user.DisplayName = setsColumn ? "Countess" : user.DisplayName;
            }
            else
            {
                context.Update(user);
            }

            return context.SaveChangesAsync();
        });

        await AllEndedAsync();
    }

    [Test]
    public async Task A_detached_user_with_the_same_stamp_ends_nothing()
    {
        var user = await _application.QueryAsync(context => context.Users.AsNoTracking().SingleAsync(user => user.Id == _userId));
        user.DisplayName = "Countess";

        await _application.QueryAsync(context =>
        {
            context.Update(user);
            return context.SaveChangesAsync();
        });

        Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK)));
        Assert.That((string?)(await _browser.ReadMeAsync())["displayName"], Is.EqualTo("Countess"));
    }

    [Test]
    public async Task The_session_that_changes_the_password_signs_out_itself()
    {
        using var phone = await _application.NewLogInAsync();
        var (current, other) = (await SessionIdAsync(_browser), await SessionIdAsync(phone));

        using var response = await _browser.PostAsync("/password/", new { current = Browser.Password, next = "another password", staysSignedIn = false });

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(
            (await _application.EntriesAsync(_userId)).Where(entry => entry.Reason == StampChanged).Select(entry => (entry.Event, entry.SessionId, entry.BySessionId)),
            Is.EquivalentTo(new (string, Guid?, Guid?)[] { (AuditEvent.SignedOut, current, null), (AuditEvent.SessionRevoked, other, current) }));
    }

    [Test]
    public async Task Nothing_ends_where_the_change_is_rolled_back()
    {
        await _application.WithScopeAsync(async provider =>
        {
            var (context, users) = (provider.GetRequiredService<AppDbContext>(), provider.GetRequiredService<UserManager<AppUser>>());
            await using var transaction = await context.Database.BeginTransactionAsync();
            await users.UpdateSecurityStampAsync((await users.FindByIdAsync(_userId))!);
            await transaction.RollbackAsync();
        });

        await NothingEndedAsync();
    }

    [Test]
    public async Task Nothing_ends_where_the_transaction_is_left()
    {
        _application.Time.Advance(TimeSpan.FromSeconds(2));
        await _browser.MeAsync();
        var uses = _application.Services.GetRequiredService<LastSeenTracker>().Count;
        Assert.That(uses, Is.Positive);
        await _application.WithScopeAsync(async provider =>
        {
            var (context, users) = (provider.GetRequiredService<AppDbContext>(), provider.GetRequiredService<UserManager<AppUser>>());
            await using var transaction = await context.Database.BeginTransactionAsync();
            await users.UpdateSecurityStampAsync((await users.FindByIdAsync(_userId))!);
        });

        Assert.That(_application.Services.GetRequiredService<LastSeenTracker>().Count, Is.EqualTo(uses), "their last uses are still to be written");
        await NothingEndedAsync();
    }

    [Test]
    public async Task Nothing_ends_where_the_save_is_refused()
    {
        await _application.QueryAsync(async context =>
        {
            var user = await context.Users.SingleAsync(user => user.Id == _userId);
            user.SecurityStamp = "another";
            user.NormalizedUserName = "EVE@EXAMPLE.COM";
            await Assert.ThatAsync(() => context.SaveChangesAsync(), Throws.InstanceOf<DbUpdateException>());

            // The same context again, with something else to save.
            context.ChangeTracker.Clear();
            (await context.Users.SingleAsync(user => user.Id == _userId)).DisplayName = "Countess";
            return await context.SaveChangesAsync();
        });

        await NothingEndedAsync();
        Assert.That((string?)(await _browser.ReadMeAsync())["displayName"], Is.EqualTo("Countess"));
    }

    [Test]
    public async Task Sessions_end_with_the_commit_of_the_applications_transaction()
    {
        await _application.WithScopeAsync(async provider =>
        {
            var (context, users) = (provider.GetRequiredService<AppDbContext>(), provider.GetRequiredService<UserManager<AppUser>>());
            await using var transaction = await context.Database.BeginTransactionAsync();
            await users.UpdateSecurityStampAsync((await users.FindByIdAsync(_userId))!);
            Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK)), "before the commit");
            await transaction.CommitAsync();
        });

        await AllEndedAsync();
        Assert.That(await EndsAsync(), Is.EqualTo(new[] { (AuditEvent.SessionRevoked, StampChanged) }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Sessions_end_with_a_transaction_that_the_context_was_given(bool commits)
    {
        // As beside other code that writes by the same connection.
        await _application.QueryAsync(async context =>
        {
            var connection = context.Database.GetDbConnection();
            await connection.OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await context.Database.UseTransactionAsync(transaction);
            (await context.Users.SingleAsync(user => user.Id == _userId)).SecurityStamp = "another";
            await context.SaveChangesAsync();
            Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK)), "before the commit");
            await (commits ? transaction.CommitAsync() : transaction.RollbackAsync());
            return true;
        });

        if (!commits)
        {
            await NothingEndedAsync();
            return;
        }

        await AllEndedAsync();
        await _browser.LogInAsync();
        await _browser.MeAsync();
        Assert.That(SessionToken.TryParse(_browser.Token, out var token), Is.True);
        Assert.That(_application.Services.GetRequiredService<SessionCache>().Find(token.Hash), Is.Not.Null, "sessions of this user are cached again");
    }

    [Test]
    public async Task A_read_that_began_before_the_commit_is_not_cached()
    {
        var store = new GatedStore();
        await using var application = await StartAsync(new() { Services = store.Wrap });
        using var browser = await application.NewLoggedInBrowserAsync();
        store.AfterFind.Close();
        var read = browser.MeAsync();
        await store.AfterFind.Reached;

        await application.ChangeUserAsync((users, user) => users.UpdateSecurityStampAsync(user));
        store.AfterFind.Open();
        await read;

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Roles_changed_in_a_transaction_are_seen_after_its_commit()
    {
        await AddRoleAsync("Admin");
        await _application.WithScopeAsync(async provider =>
        {
            var (context, users) = (provider.GetRequiredService<AppDbContext>(), provider.GetRequiredService<UserManager<AppUser>>());
            await using var transaction = await context.Database.BeginTransactionAsync();
            await users.AddToRoleAsync((await users.FindByIdAsync(_userId))!, "Admin");
            Assert.That(await RolesAsync(), Is.Empty);
            await transaction.CommitAsync();
        });

        Assert.That(await RolesAsync(), Is.EqualTo(new[] { "Admin" }));
    }

    [Test]
    public async Task Two_saves_in_one_transaction_are_both_seen()
    {
        await AddRoleAsync("Admin");
        await _application.WithScopeAsync(async provider =>
        {
            var (context, users) = (provider.GetRequiredService<AppDbContext>(), provider.GetRequiredService<UserManager<AppUser>>());
            await using var transaction = await context.Database.BeginTransactionAsync();
            await users.AddToRoleAsync((await users.FindByNameAsync("eve@example.com"))!, "Admin");
            await users.UpdateSecurityStampAsync((await users.FindByIdAsync(_userId))!);
            await transaction.CommitAsync();
        });

        await AllEndedAsync();
        Assert.That((await _otherUser.ReadMeAsync())["roles"]!.AsArray(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_deleted_users_sessions_end_with_events()
    {
        await _application.ChangeUserAsync((users, user) => users.DeleteAsync(user));

        await AllEndedAsync();
        Assert.That(await EndsAsync(), Is.EqualTo(new[] { (AuditEvent.SessionRevoked, "account_deleted") }));
    }

    [Test]
    public async Task A_deletion_that_is_rolled_back_ends_nothing()
    {
        await _application.WithScopeAsync(async provider =>
        {
            var (context, users) = (provider.GetRequiredService<AppDbContext>(), provider.GetRequiredService<UserManager<AppUser>>());
            await using var transaction = await context.Database.BeginTransactionAsync();
            await users.DeleteAsync((await users.FindByIdAsync(_userId))!);
            await transaction.RollbackAsync();
        });

        await NothingEndedAsync();
    }

    [Test]
    public async Task A_refused_deletion_in_a_transaction_ends_nothing()
    {
        await _application.QueryAsync(async context =>
        {
            await using var transaction = await context.Database.BeginTransactionAsync();
            context.Remove(await context.Users.SingleAsync(user => user.Id == _userId));
            context.Add(new AppUser { NormalizedUserName = "EVE@EXAMPLE.COM" });
            await Assert.ThatAsync(() => context.SaveChangesAsync(), Throws.InstanceOf<DbUpdateException>());

            // EF Core has gone back to its savepoint.
            await transaction.CommitAsync();
            return true;
        });

        await NothingEndedAsync();
    }

    [Test]
    public async Task A_deletion_in_a_transaction_ends_sessions_with_its_commit()
    {
        await _application.WithScopeAsync(async provider =>
        {
            var (context, users) = (provider.GetRequiredService<AppDbContext>(), provider.GetRequiredService<UserManager<AppUser>>());
            await using var transaction = await context.Database.BeginTransactionAsync();
            await users.DeleteAsync((await users.FindByIdAsync(_userId))!);
            Assert.That(await _copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK), "before the commit");
            await transaction.CommitAsync();
        });

        await AllEndedAsync();
        Assert.That(await EndsAsync(), Is.EqualTo(new[] { (AuditEvent.SessionRevoked, "account_deleted") }));
    }

    [Test]
    public async Task A_change_that_lost_against_another_ends_nothing()
    {
        await _application.WithScopeAsync(async provider =>
        {
            var users = provider.GetRequiredService<UserManager<AppUser>>();
            var user = (await users.FindByIdAsync(_userId))!;
            await _application.ChangeUserAsync((others, other) => others.SetLockoutEnabledAsync(other, false));

            var result = await users.UpdateSecurityStampAsync(user);
            Assert.That(result.Errors.Single().Code, Is.EqualTo("ConcurrencyFailure"));
        });

        await NothingEndedAsync();
    }

    [Test]
    public async Task Failed_sign_ins_end_nothing_and_raise_no_version()
    {
        using var stranger = _application.NewBrowser();
        for (var i = 0; i < 6; i++)
        {
            using var response = await stranger.PostAsync("/login/", new { email = "ada@example.com", password = "wrong" });
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        Assert.That(await _application.QueryAsync(context => context.Users.SingleAsync(user => user.Id == _userId)), Has.Property("LockoutEnd").Not.Null, "they are locked out");
        await NothingEndedAsync();
        Assert.That(await VersionAsync(), Is.Zero);

        await _application.ChangeUserAsync((users, user) => users.AccessFailedAsync(user));
        Assert.That(await VersionAsync(), Is.Zero);
    }

    [Test]
    public async Task Roles_claims_and_columns_are_seen_in_the_next_request()
    {
        await AddRoleAsync("Admin");
        var before = await VersionAsync();
        using (var response = await _browser.GetAsync("/admin/"))
        {
            Assert.That(response.StatusCode, Is.Not.EqualTo(HttpStatusCode.OK));
        }

        await _application.ChangeUserAsync((users, user) => users.AddToRoleAsync(user, "Admin"));
        Assert.That(await RolesAsync(), Is.EqualTo(new[] { "Admin" }));
        Assert.That(await VersionAsync(), Is.EqualTo(before + 1));
        using (var response = await _browser.GetAsync("/admin/"))
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        await _application.ChangeUserAsync((users, user) => users.RemoveFromRoleAsync(user, "Admin"));
        Assert.That(await RolesAsync(), Is.Empty);
        Assert.That(await VersionAsync(), Is.EqualTo(before + 2));

        await _application.ChangeUserAsync((users, user) => users.AddClaimAsync(user, new Claim("likes", "tea")));
        Assert.That((string?)(await _browser.ReadMeAsync())["likes"]![0], Is.EqualTo("tea"));
        Assert.That(await VersionAsync(), Is.EqualTo(before + 3));

        await _application.ChangeUserAsync((users, user) => users.RemoveClaimAsync(user, new Claim("likes", "tea")));
        Assert.That((await _browser.ReadMeAsync())["likes"]!.AsArray(), Is.Empty);
        Assert.That(await VersionAsync(), Is.EqualTo(before + 4));

        await _application.ChangeUserAsync((users, user) =>
        {
            user.DisplayName = "Countess";
            return users.UpdateAsync(user);
        });
        Assert.That((string?)(await _browser.ReadMeAsync())["displayName"], Is.EqualTo("Countess"));
        Assert.That(await VersionAsync(), Is.EqualTo(before + 5));
        await NothingEndedAsync();
    }

    [Test]
    public async Task A_new_role_touches_no_session()
    {
        var before = await VersionAsync();

        await AddRoleAsync("Editor");

        Assert.That(await VersionAsync(), Is.EqualTo(before));
    }

    [Test]
    public async Task A_changed_role_is_seen_by_everybody()
    {
        await AddRoleAsync("Admin");
        await _application.ChangeUserAsync((users, user) => users.AddToRoleAsync(user, "Admin"));
        await _application.ChangeUserAsync((users, user) => users.AddToRoleAsync(user, "Admin"), "eve@example.com");
        var before = await VersionAsync();

        await _application.WithScopeAsync(async provider =>
        {
            var roles = provider.GetRequiredService<RoleManager<IdentityRole>>();
            await roles.AddClaimAsync((await roles.FindByNameAsync("Admin"))!, new Claim("likes", "order"));
        });

        foreach (var browser in new[] { _browser, _otherUser })
        {
            Assert.That((string?)(await browser.ReadMeAsync())["likes"]![0], Is.EqualTo("order"));
        }

        Assert.That(await VersionAsync(), Is.EqualTo(before + 1));
    }

    [Test]
    public async Task A_login_whose_user_changes_meanwhile_gets_no_session()
    {
        using var browser = _application.NewBrowser();

        using var response = await browser.PostAsync("/login/slow/");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("no session"));
        Assert.That(response.SetCookies(), Is.Empty);
        Assert.That(await _application.Services.GetRequiredService<IUserSessionStore>().ListAsync(_userId), Is.Empty);
    }

    [Test]
    public async Task Two_users_in_one_save_both_end()
    {
        await _application.QueryAsync(async context =>
        {
            foreach (var user in await context.Users.ToListAsync())
            {
                user.SecurityStamp = "another";
            }

            return await context.SaveChangesAsync();
        });

        Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)));
    }

    [Test]
    public async Task The_contexts_own_way_of_transactions_stays()
    {
        await _application.QueryAsync(async context =>
        {
            context.Database.AutoTransactionBehavior = AutoTransactionBehavior.Never;
            (await context.Users.SingleAsync(user => user.Id == _userId)).SecurityStamp = "another";
            await context.SaveChangesAsync();
            Assert.That(context.Database.AutoTransactionBehavior, Is.EqualTo(AutoTransactionBehavior.Never));
            return true;
        });

        await AllEndedAsync();
    }

    [TestCase("pool")]
    [TestCase("factory")]
    public async Task Contexts_of_a_pool_or_a_factory_end_sessions_too(string registration)
    {
        await using var application = await StartAsync(new() { Register = builder => Register(builder, registration) });
        using var browser = await application.NewLoggedInBrowserAsync();

        // More than once, as a pool returns the same context.
        for (var i = 0; i < 3; i++)
        {
            using var copy = browser.Copy();
            await application.ChangeUserAsync((users, user) =>
            {
                user.DisplayName = $"Ada {i}";
                return users.UpdateAsync(user);
            });
            Assert.That((string?)(await browser.ReadMeAsync())["displayName"], Is.EqualTo($"Ada {i}"));
            await application.ChangeUserAsync((users, user) => users.UpdateSecurityStampAsync(user));
            Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
            await browser.LogInAsync();
        }
    }

    private static void Register(WebApplicationBuilder builder, string registration)
    {
        void Configure(DbContextOptionsBuilder options) => options.UseDatabaseOf(builder);
        if (registration == "pool")
        {
            builder.Services.AddDbContextPool<AppDbContext>(Configure);
        }
        else
        {
            builder.Services.AddDbContextFactory<AppDbContext>(Configure);
        }

        builder.Services.AddIdentity<AppUser, IdentityRole>(AppServices.WeakPasswords)
            .AddEntityFrameworkStores<AppDbContext>()
            .AddClaimsPrincipalFactory<AppClaimsFactory<AppUser, IdentityRole>>();
        builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UseStoreOf(builder));
    }

    // A login that has checked the password, and another request that changes the user before its session starts.
    private static void MapMore(WebApplication application)
    {
        MapSlowLogin(application);
        MapFactors(application);
    }

    private static void MapFactors(WebApplication application) => application.MapPost(
        "/factor/{change}/",
        async (string change, ClaimsPrincipal principal, UserManager<AppUser> users) =>
        {
            var user = (await users.GetUserAsync(principal))!;
            switch (change)
            {
                case "key":
                    await users.ResetAuthenticatorKeyAsync(user);
                    break;
                case "enable":
                    await users.SetTwoFactorEnabledAsync(user, true);
                    break;
                case "codes":
                    await users.GenerateNewTwoFactorRecoveryCodesAsync(user, 3);
                    break;
                case "key-and-name":
                    user.UserName = "countess";
                    await users.ResetAuthenticatorKeyAsync(user);
                    break;
                default:
                    await users.UpdateSecurityStampAsync(user);
                    break;
            }
        }).RequireAuthorization();

    private static void MapSlowLogin(WebApplication application) => application.MapPost("/login/slow/", async (
        UserManager<AppUser> users, SignInManager<AppUser> signIn, IServiceScopeFactory scopes) =>
    {
        var user = (await users.FindByNameAsync("ada@example.com"))!;
        Assert.That(await users.CheckPasswordAsync(user, Browser.Password), Is.True);
        await using (var scope = scopes.CreateAsyncScope())
        {
            var others = scope.ServiceProvider.GetRequiredService<UserManager<AppUser>>();
            await others.UpdateSecurityStampAsync((await others.FindByIdAsync(user.Id))!);
        }

        var properties = SessionProperties.Create(SessionTransport.Cookie, rememberMe: false);
        await signIn.SignInAsync(user, properties);
        return properties.GetStartedSession() is null ? "no session" : "a session";
    });

    private async Task<(HttpStatusCode, HttpStatusCode, HttpStatusCode)> StatusesAsync() =>
        (await _browser.MeAsync(), await _copy.MeAsync(), await _otherUser.MeAsync());

    private async Task AllEndedAsync()
    {
        Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.OK)));
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(1));
    }

    private async Task NothingEndedAsync()
    {
        Assert.That(await StatusesAsync(), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK)));
        Assert.That(await EndsAsync(), Is.Empty);
        Assert.That(await _application.StoredSessionsAsync(), Has.Count.EqualTo(2));
    }

    private async Task<List<(string Event, string? Reason)>> EndsAsync() =>
        [.. (await _application.EntriesAsync(_userId)).Where(entry => entry.Event != AuditEvent.SignedIn).Select(entry => (entry.Event, entry.Reason))];

    private async Task<int> VersionAsync() => (await _application.Services.GetRequiredService<IUserSessionStore>().ListAsync(_userId)).Single().PrincipalVersion;

    private async Task<List<string>> RolesAsync() => [.. (await _browser.ReadMeAsync())["roles"]!.AsArray().Select(role => role!.GetValue<string>())];

    private Task<IdentityResult> AddRoleAsync(string name) => _application.WithScopeAsync(provider => provider.GetRequiredService<RoleManager<IdentityRole>>().CreateAsync(new IdentityRole(name)));

    private static async Task<Guid> SessionIdAsync(Browser browser) => (await browser.ReadMeAsync())["session"]!.GetValue<Guid>();

    private Task<StockApplication> StartAsync(AppSetup? setup = null) => StockApplication.StartAsync((setup ?? new AppSetup()) with { Store = store });
}
