using System.Net;
using System.Security.Claims;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>The story of an application whose users' ids are of this type.</summary>
[TestFixture(typeof(string))]
[TestFixture(typeof(Guid))]
[TestFixture(typeof(int))]
[TestFixture(typeof(long))]
internal sealed class KeyTypeTests<TKey>
    where TKey : IEquatable<TKey>
{
    private StockApplication<TKey> _application = null!;
    private Browser _browser = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = await StockApplication<TKey>.StartAsync();
        _browser = await _application.NewLoggedInBrowserAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task A_copied_cookie_is_refused_after_the_logout()
    {
        using var copy = _browser.Copy();
        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        using var logout = await _browser.LogOutAsync();

        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task A_changed_password_ends_the_other_device()
    {
        using var phone = await _application.NewLogInAsync();

        using var response = await _browser.PostAsync("/password/", new { current = Browser.Password, next = "another password" });

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await phone.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task Roles_and_claims_are_seen_in_the_next_request()
    {
        await _application.WithScopeAsync(provider => provider.GetRequiredService<RoleManager<IdentityRole<TKey>>>().CreateAsync(new IdentityRole<TKey>("Admin") { Id = NewKey() }));

        await _application.ChangeUserAsync((users, user) => users.AddToRoleAsync(user, "Admin"));
        await _application.ChangeUserAsync((users, user) => users.AddClaimAsync(user, new Claim("likes", "tea")));

        var me = await _browser.ReadMeAsync();
        Assert.That((string?)me["roles"]![0], Is.EqualTo("Admin"));
        Assert.That((string?)me["likes"]![0], Is.EqualTo("tea"));
    }

    [Test]
    public async Task Sessions_and_activity_are_listed()
    {
        using var eve = await _application.NewLoggedInBrowserAsync("eve@example.com");

        using var sessions = await _browser.GetAsync("/sessions/");
        using var activity = await _browser.GetAsync("/me/activity/");

        Assert.That((await sessions.JsonAsync())["items"]!.AsArray(), Has.Count.EqualTo(1));
        Assert.That((await activity.JsonAsync())["items"]!.AsArray(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task An_applications_own_event_is_written_with_what_it_reports()
    {
        var userId = await _application.UserIdAsync();
        await _application.QueryAsync(context =>
        {
            context.AddAuditEntry(new AuditEntry { At = _application.Time.GetUtcNow(), Event = "PasswordMailed", UserId = userId, SessionId = null, Reason = "asked" });
            context.AddAuditEntry(new AuditEntry { At = _application.Time.GetUtcNow(), Event = "NobodyFound", UserId = null, SessionId = null });
            return context.SaveChangesAsync();
        });

        Assert.That(await _application.EventsAsync(userId), Is.EqualTo(new[] { AuditEvent.SignedIn, "PasswordMailed" }));
        using var activity = await _browser.GetAsync("/me/activity/");
        Assert.That((string?)(await activity.JsonAsync())["items"]![0]!["event"], Is.EqualTo("password_mailed"));
        Assert.That(await _application.QueryAsync(context => context.Set<AuditEntry>().CountAsync()), Is.EqualTo(3));
    }

    [Test]
    public async Task A_deleted_user_has_no_sessions()
    {
        var userId = await _application.UserIdAsync();

        await _application.ChangeUserAsync((users, user) => users.DeleteAsync(user));

        Assert.That(await _browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await _application.EntriesAsync(userId))[^1], Has.Property("Reason").EqualTo("account_deleted"));
    }

    [Test]
    public async Task Sessions_expire_and_are_cleaned_up()
    {
        _application.Time.Advance(TimeSpan.FromHours(1));

        await _application.Services.GetRequiredService<UserSessionManager>().CleanUpAsync(CancellationToken.None);

        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That(await _application.EventsAsync(await _application.UserIdAsync()), Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SessionExpired }));
    }

    // A stock role of another type than string has no id until it is given one.
    private static TKey NewKey() => typeof(TKey) == typeof(string) ? (TKey)(object)Guid.CreateVersion7().ToString() : default!;
}
