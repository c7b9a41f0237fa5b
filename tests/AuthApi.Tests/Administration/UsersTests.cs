using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using AuthApi.Factors;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Administration;

/// <summary>What an administrator sees of accounts and does to them.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class UsersTests(TestedStore database)
{
    private const string Ada = "ada@example.com";
    private const string Other = "staple battery horse correct";

    // Who forges a cursor knows the hash that it begins with.
    private static readonly string NulCursor = Base64Url.EncodeToString([.. SHA256.HashData("users a"u8).AsSpan(0, 8), .. "n\0x"u8]);

    private AuthApiApplication _application = null!;
    private Browser _root = null!;
    private int _rootId;

    [SetUp]
    public async Task SetUp()
    {
        _application = new AuthApiApplication(store: database);
        (_rootId, _root) = await _application.NewAdministratorAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _root.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task A_search_finds_ids_names_and_addresses_in_pages()
    {
        await AddUsersAsync(25);

        var all = await PagesAsync("/admin/users/?limit=10");
        Assert.That(all, Is.EqualTo(Enumerable.Range(1, 26)));

        // "name7" is chosen by one whose address begins with "user07".
        Assert.That(await PagesAsync("/admin/users/?search=USER0&limit=4"), Is.EqualTo(Enumerable.Range(2, 9)));
        Assert.That(await PagesAsync("/admin/users/?search=user0&limit=100"), Is.EqualTo(Enumerable.Range(2, 9)));
        Assert.That(await PagesAsync("/admin/users/?search=name7"), Is.EqualTo(new[] { 8 }));
        Assert.That(await PagesAsync("/admin/users/?search=name&limit=10"), Has.Count.EqualTo(25).And.Unique);
        Assert.That(await PagesAsync("/admin/users/?search=8"), Is.EqualTo(new[] { 8 }));
        foreach (var nothing in new[] { "%25", "user_1", "*", "'", "\"; DROP TABLE", "0", "\u00e4\u0301", new string('a', 256) })
        {
            Assert.That(await PagesAsync($"/admin/users/?search={nothing}"), Is.Empty, nothing);
        }

        using var root = await _root.GetAsync($"/admin/users/{_rootId}/");
        var detail = await root.JsonAsync();
        Assert.That(detail["user"]!["roles"]!.AsArray().Select(role => (string?)role), Is.EqualTo(new[] { "Admin" }));
        Assert.That(((bool?)detail["hasPassword"], (int?)detail["passkeys"], (int?)detail["sessions"]), Is.EqualTo((true, 0, 1)));
    }

    [Test]
    public async Task A_search_goes_on_where_a_name_begins_with_the_id()
    {
        // The fourth account is listed first, by its id, and not once more by its name.
        await AddUsersAsync("40a", "40b", "4zed", "40c", "40d", "4zf", "4zg", "4zh", "4zi", "4zj", "4zk", "ada");
        await _application.QueryAsync(context => context.Users.Where(user => user.UserName == "ada").ExecuteUpdateAsync(update => update.SetProperty(user => user.NormalizedEmail, "4@EXAMPLE.COM")));

        Assert.That(await PagesAsync("/admin/users/?search=4&limit=5"), Is.EqualTo(new[] { 4, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13 }));
    }

    [Test]
    public async Task A_bad_search_or_cursor_is_a_clear_400()
    {
        await AddUsersAsync(5);
        var next = (string)(await _root.GetJsonAsync("/admin/users/?limit=2"))["next"]!;

        foreach (var (query, field) in new[]
        {
            ($"search={new string('a', 10_240)}", "search"), ("search=a%00b", "search"), ("search=a%0Ab", "search"), ("limit=0", "limit"), ("limit=101", "limit"),
            ("limit=x", "limit"), ("after=x", "after"), ("after=AAAAAAAAAAAAAAAA", "after"), ($"after={next}x", "after"), ($"after={next}&search=user", "after"),
            ($"after={NulCursor}&search=a", "after"),
        })
        {
            using var response = await _root.GetAsync($"/admin/users/?{query}");
            await response.ShouldBeInvalidAsync(field);
        }

        foreach (var path in new[] { "/admin/users/999/", "/admin/users/x/", "/admin/users/99999999999/", "/admin/users/0x1/", "/admin/users/+1/", "/admin/users/%201/" })
        {
            using var response = await _root.GetAsync(path);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound).Or.EqualTo(HttpStatusCode.BadRequest), path);
        }
    }

    [Test]
    public async Task A_disabled_account_has_no_session_and_looks_like_none()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        using var phone = _application.NewBrowser();
        await phone.LogInAsync();

        using var call = await _root.SendAsync(HttpMethod.Post, "/admin/users/2/disable/", change: request => request.Headers.TryAddWithoutValidation("User-Agent", "The administrator's browser"));
        Assert.That(call.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));

        Assert.That((await ada.MeAsync(), await phone.MeAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)));
        using var disabled = await phone.PostAsync("/login/", new { email = Ada, password = Browser.Password });
        using var unknown = await phone.PostAsync("/login/", new { email = "nobody@example.com", password = Browser.Password });
        var (first, second) = (await disabled.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials"), await unknown.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials"));
        Assert.That((string?)first["title"], Is.EqualTo((string?)second["title"]));
        Assert.That((await _application.NextMailAsync(Ada, "has been disabled")).TextBody, Does.Contain("Those who run"));
        Assert.That((DateTimeOffset?)(await _root.GetJsonAsync("/admin/users/2/"))["user"]!["disabledAt"], Is.EqualTo(_application.Time.GetUtcNow()));

        // No code brings it back.
        using var forgot = await phone.PostAsync("/password/forgot/", new { email = Ada });
        await _application.MailIsQuietAsync();
        Assert.That(Directory.GetFiles(_application.MailFolder, "*.eml").Select(File.ReadAllText), Has.None.Contains("set a new password"));

        await _root.DoAsync(HttpMethod.Post, "/admin/users/2/enable/");
        await phone.LogInAsync();
        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "sessions do not come back");

        var events = (await _root.GetJsonAsync("/admin/audit/?userId=2&limit=100"))["items"]!.AsArray();
        Assert.That(events.ToJsonString(), Does.Not.Contain("The administrator"));
        Assert.That(events.Where(item => (string?)item!["event"] == "session_revoked").Select(item => (string?)item!["bySessionId"]), Has.Exactly(2).Items.And.All.Not.Null);
        foreach (var what in new[] { "account_disabled", "account_enabled" })
        {
            var entry = events.Single(item => (string?)item!["event"] == what)!;
            Assert.That(((int?)entry["byUserId"], (string?)entry["userAgent"]), Is.EqualTo((_rootId, (string?)null)));
            Assert.That((string?)entry["bySessionId"], Is.Not.Null);
        }
    }

    [Test]
    public async Task Reset_factors_removes_passkeys_and_the_second_factor()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        await _application.QueryAsync(async context =>
        {
            var user = await context.Users.SingleAsync(user => user.Id == 2);
            user.TwoFactorEnabled = true;
            context.Add(new IdentityUserToken<int> { UserId = 2, LoginProvider = "[AspNetUserStore]", Name = "RecoveryCodes", Value = "x" });
            context.Add(new RecoveryCode { UserId = 2, Hash = [1] });
            context.Add(new IdentityUserPasskey<int> { UserId = 2, CredentialId = [1], Data = new IdentityPasskeyData { PublicKey = [1], AttestationObject = [1], ClientDataJson = [1] } });
            return await context.SaveChangesAsync();
        });

        Assert.That((int?)(await _root.GetJsonAsync("/admin/users/2/"))["recoveryCodesLeft"], Is.EqualTo(1));
        await _root.DoAsync(HttpMethod.Post, "/admin/users/2/reset-factors/");

        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        await ada.LogInAsync();
        var detail = await _root.GetJsonAsync("/admin/users/2/");
        Assert.That(((int?)detail["passkeys"], (int?)detail["recoveryCodesLeft"], (bool?)detail["user"]!["twoFactorEnabled"]), Is.EqualTo((0, 0, false)));
        Assert.That(await _application.QueryAsync(async context => await context.UserTokens.AnyAsync() || await context.Set<RecoveryCode>().AnyAsync()), Is.False);
        await _application.NextMailAsync(Ada, "second factor has been removed");
        Assert.That(await _application.EventsAsync(2), Has.Member("FactorsReset"));
    }

    [Test]
    public async Task Reset_factors_of_ones_own_account_ends_this_session_too()
    {
        using var setup = await _root.PostAsync("/two-factor/setup/");
        var app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), _application.Time);
        using var enabled = await _root.PostAsync("/two-factor/enable/", new { code = app.Code() });
        Assert.That(enabled.StatusCode, Is.EqualTo(HttpStatusCode.OK), await enabled.Content.ReadAsStringAsync());
        Assert.That(await _root.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        await _root.DoAsync(HttpMethod.Post, $"/admin/users/{_rootId}/reset-factors/");

        Assert.That(await _root.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_required_password_change_lets_in_with_another_one_only()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();

        await _root.DoAsync(HttpMethod.Post, "/admin/users/2/require-password-change/");

        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        using var right = await ada.PostAsync("/login/", new { email = Ada, password = Browser.Password });
        await right.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "password_change_required");
        using var wrong = await ada.PostAsync("/login/", new { email = Ada, password = Other });
        await wrong.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials");
        await _application.NextMailAsync(Ada, "need a new password");

        using var forgot = await ada.PostAsync("/password/forgot/", new { email = Ada });
        var code = await _application.NextCodeAsync();
        using var same = await ada.PostAsync("/password/reset/", new { email = Ada, code, newPassword = Browser.Password });
        await same.ShouldBeInvalidAsync("newPassword");
        using var other = await ada.PostAsync("/password/reset/", new { email = Ada, code, newPassword = Other });
        Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        await ada.LogInAsync(password: Other);
        Assert.That((bool?)(await _root.GetJsonAsync("/admin/users/2/"))["user"]!["mustChangePassword"], Is.False);
    }

    [Test]
    public async Task No_password_change_is_required_where_no_code_can_be_mailed()
    {
        await using var application = new AuthApiApplication(environment: "Production", settings: new() { ["Email:PickupDirectory"] = "" }, store: database);
        var (_, root) = await application.NewAdministratorAsync();
        using var ada = await application.NewLoggedInBrowserAsync();

        using var refused = await root.PostAsync("/admin/users/2/require-password-change/");

        await refused.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "mail_not_configured");
        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        root.Dispose();
    }

    [Test]
    public async Task A_deleted_account_leaves_events_without_addresses()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();

        await _root.DoAsync(HttpMethod.Delete, "/admin/users/2/");

        Assert.That(await ada.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        using var gone = await _root.GetAsync("/admin/users/2/");
        await gone.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        await _application.NextMailAsync(Ada, "has been deleted");
        var events = (await _root.GetJsonAsync("/admin/audit/?userId=2"))["items"]!.AsArray();
        Assert.That(events.Select(item => (string?)item!["event"]), Has.Member("account_deleted").And.Member("session_revoked"));
        Assert.That(events.Select(item => (string?)item!["userAgent"]), Is.All.Null);
        Assert.That(await ada.RegisterAsync(), Is.GreaterThan(2), "the address is free");
    }

    [Test]
    public async Task A_role_is_in_force_in_the_next_request()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        using var before = await ada.GetAsync("/admin/users/");
        await before.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "forbidden");

        // The owner sees that it was done, and not where the administrator is.
        using var granted = await _root.SendAsync(HttpMethod.Put, "/admin/users/2/roles/admin/", change: request => request.Headers.TryAddWithoutValidation("User-Agent", "The administrator's browser"));
        Assert.That(granted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        var activity = (await ada.GetJsonAsync("/me/activity/")).ToJsonString();
        Assert.That(activity, Does.Contain("role_granted").And.Not.Contain("The administrator"));
        await ada.GetJsonAsync("/admin/users/");
        await _root.DoAsync(HttpMethod.Delete, "/admin/users/2/roles/Admin/");
        using var after = await ada.GetAsync("/admin/users/");
        await after.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "forbidden");

        using var unknown = await _root.SendAsync(HttpMethod.Put, "/admin/users/2/roles/Emperor/");
        Assert.That((string?)(await unknown.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found"))["detail"], Does.Contain("'Emperor'"));
        Assert.That(await _application.EventsAsync(2), Has.Member("RoleGranted").And.Member("RoleRemoved"));
        await _application.NextMailAsync(Ada, "has lost a role");
    }

    [Test]
    public async Task The_last_administrator_stays()
    {
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Post, $"/admin/users/{_rootId}/disable/"), (HttpMethod.Delete, $"/admin/users/{_rootId}/"), (HttpMethod.Delete, $"/admin/users/{_rootId}/roles/Admin/"),
            (HttpMethod.Delete, "/me/"),
        })
        {
            using var refused = await _root.SendAsync(method, path);
            await refused.ShouldBeProblemAsync(HttpStatusCode.Conflict, "last_administrator");
        }

        // A disabled one does not count.
        var (secondId, second) = await _application.NewAdministratorAsync("second@example.com");
        await _root.DoAsync(HttpMethod.Post, $"/admin/users/{secondId}/disable/");
        using var alone = await _root.DeleteAsync("/me/");
        await alone.ShouldBeProblemAsync(HttpStatusCode.Conflict, "last_administrator");
        second.Dispose();
    }

    [Test]
    public async Task Two_who_remove_each_other_at_once_leave_one()
    {
        for (var round = 0; round < 5; round++)
        {
            var (secondId, second) = await _application.NewAdministratorAsync($"second{round}@example.com");

            // The first keeps the role: it removes the other, or is refused.
            var calls = await Task.WhenAll(_root.DeleteAsync($"/admin/users/{secondId}/roles/Admin/"), second.DeleteAsync($"/admin/users/{_rootId}/roles/Admin/"));

            var administrators = await _application.QueryAsync(context => context.UserRoles.CountAsync());
            Assert.That(administrators, Is.EqualTo(1), string.Join(' ', calls.Select(call => (int)call.StatusCode)));
            if (calls[1].StatusCode == HttpStatusCode.NoContent)
            {
                await second.DoAsync(HttpMethod.Put, $"/admin/users/{_rootId}/roles/Admin/");
                await second.DoAsync(HttpMethod.Delete, $"/admin/users/{secondId}/roles/Admin/");
            }

            foreach (var call in calls)
            {
                call.Dispose();
            }

            second.Dispose();
        }
    }

    [Test]
    public async Task What_changes_something_needs_a_recent_authentication()
    {
        using var ada = await _application.NewLoggedInBrowserAsync();
        using var grace = await _application.NewLoggedInBrowserAsync("grace@example.com");
        await _application.QueryAsync(async context =>
        {
            (await context.Users.SingleAsync(user => user.Email == "grace@example.com")).TwoFactorEnabled = true;
            return await context.SaveChangesAsync();
        });
        Assert.That((bool?)(await grace.GetJsonAsync("/me/"))["twoFactorEnabled"], Is.True);
        _application.Time.Advance(TimeSpan.FromMinutes(11));

        foreach (var (method, path) in new[]
        {
            (HttpMethod.Post, "/admin/users/2/disable/"), (HttpMethod.Post, "/admin/users/2/enable/"), (HttpMethod.Post, "/admin/users/2/reset-factors/"),
            (HttpMethod.Post, "/admin/users/2/require-password-change/"), (HttpMethod.Delete, "/admin/users/2/"), (HttpMethod.Put, "/admin/users/2/roles/Admin/"),
            (HttpMethod.Delete, "/admin/users/2/roles/Admin/"), (HttpMethod.Delete, "/admin/users/2/sessions/"), (HttpMethod.Delete, $"/admin/users/2/sessions/{Guid.Empty}/"),
            (HttpMethod.Delete, "/admin/sessions/"),
        })
        {
            using var old = await _root.SendAsync(method, path);
            await old.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "reauthentication_required");
            using var stranger = await ada.SendAsync(method, path);
            await stranger.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "forbidden");
            using var withApp = await grace.SendAsync(method, path);
            await withApp.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "forbidden");
        }

        await _root.GetJsonAsync("/admin/users/");
    }

    private async Task<List<int>> PagesAsync(string path)
    {
        var found = new List<int>();
        for (string? next = null; ;)
        {
            var page = await _root.GetJsonAsync(next is null ? path : $"{path}&after={next}");
            found.AddRange(page.Each<int>("id"));
            if ((next = (string?)page["next"]) is null)
            {
                return found;
            }
        }
    }

    private Task<int> AddUsersAsync(int count) => AddUsersAsync([.. Enumerable.Range(1, count).Select(i => $"name{i}")]);

    private Task<int> AddUsersAsync(params string[] names) => _application.QueryAsync(context =>
    {
        foreach (var (i, name) in names.Index())
        {
            var email = $"user{i + 1:00}@example.com";
            context.Add(new ApplicationUser
            {
                Email = email,
                NormalizedEmail = email.ToUpperInvariant(),
                UserName = name,
                NormalizedUserName = name.ToUpperInvariant(),
                CreatedAt = _application.Time.GetUtcNow(),
                SecurityStamp = "x",
            });
        }

        return context.SaveChangesAsync();
    });
}
