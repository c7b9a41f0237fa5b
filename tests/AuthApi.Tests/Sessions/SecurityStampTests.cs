using System.Net;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Sessions;

/// <summary>A user's sessions end with their security stamp.</summary>
[TestFixture(SessionTransport.Cookie, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Header, TestedStore.Sqlite)]
[TestFixture(SessionTransport.Cookie, TestedStore.PostgreSql)]
[TestFixture(SessionTransport.Header, TestedStore.PostgreSql)]
internal sealed class SecurityStampTests(SessionTransport transport, TestedStore database)
{
    private AuthApiApplication _application = null!;

    [OneTimeSetUp]
    public void OneTimeSetUp() => database.Require();

    [SetUp]
    public void SetUp() => _application = new AuthApiApplication(store: database);

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task A_new_security_stamp_ends_every_session()
    {
        using var browser = await _application.NewLoggedInBrowserAsync(transport: transport);
        using var other = _application.NewBrowser(transport: transport);
        await other.LogInAsync();

        await ChangeAsync(users => users.UpdateSecurityStampAsync);

        Assert.That((await browser.MeAsync(), await other.MeAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)));
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
        Assert.That((await _application.EventsAsync(1)).TakeLast(2), Is.EqualTo(new[] { AuditEvent.SessionRevoked, AuditEvent.SessionRevoked }));
    }

    [Test]
    public async Task A_new_stamp_of_another_user_ends_nothing()
    {
        using var browser = await _application.NewLoggedInBrowserAsync(transport: transport);
        using var other = await _application.NewLoggedInBrowserAsync("grace@example.com", transport);

        await ChangeAsync(users => users.UpdateSecurityStampAsync);

        Assert.That((await browser.MeAsync(), await other.MeAsync()), Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.OK)));
    }

    [Test]
    public async Task A_change_that_is_not_saved_ends_nothing()
    {
        using var browser = await _application.NewLoggedInBrowserAsync(transport: transport);

        await _application.WithScopeAsync(async services =>
        {
            var context = services.GetRequiredService<AuthDbContext>();
            await using var transaction = await context.Database.BeginTransactionAsync();
            var users = services.GetRequiredService<UserManager<ApplicationUser>>();
            await users.UpdateSecurityStampAsync((await users.FindByEmailAsync("ada@example.com"))!);
            await transaction.RollbackAsync();
        });

        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await _application.EventsAsync(1), Is.EqualTo(new[] { AuditEvent.SignedIn }));
    }

    [Test]
    public async Task A_login_that_the_stamp_has_overtaken_is_refused()
    {
        var store = new GatedStore();
        await using var application = new AuthApiApplication(store.Wrap, store: database);
        using var browser = application.NewBrowser(transport: transport);
        await browser.RegisterAsync();

        store.BeforeStart.Close();
        var login = browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password, transport });
        await store.BeforeStart.Reached;
        await application.WithScopeAsync(async services =>
        {
            var users = services.GetRequiredService<UserManager<ApplicationUser>>();
            await users.UpdateSecurityStampAsync((await users.FindByEmailAsync("ada@example.com"))!);
        });
        store.BeforeStart.Open();

        using var response = await login;
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That((await response.JsonAsync())["code"]!.GetValue<string>(), Is.EqualTo("invalid_credentials"));
        Assert.That(await application.StoredSessionsAsync(), Is.Empty);
    }

    private Task ChangeAsync(Func<UserManager<ApplicationUser>, Func<ApplicationUser, Task<IdentityResult>>> change) => _application.WithScopeAsync(async services =>
    {
        var users = services.GetRequiredService<UserManager<ApplicationUser>>();
        await change(users)((await users.FindByEmailAsync("ada@example.com"))!);
    });
}
