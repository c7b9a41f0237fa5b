using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace AuthApi.Samples.Tests;

/// <summary>An API with <c>AddIdentityApiEndpoints</c>, <c>MapIdentityApi</c> and the documented <c>/logout</c>: Guid ids, a table of users of its own name.</summary>
internal sealed class ApiTests
{
    private const string Password = "Correct-horse-7";

    private readonly Application _application = new("Api");
    private HttpStatusCode _stockCopy;
    private string _stockCookies = "";
    private RunningApplication? _running;

    [OneTimeSetUp]
    public async Task AdoptAsync()
    {
        await _application.CreateAsync("web");
        _application.CopyOwn();
        _application.Change("own.diff");
        await _application.BuildAsync();
        await _application.AddMigrationAsync("Initial");
        await using (var stock = await _application.StartAsync())
        {
            using var visitor = new Visitor(stock.Address);
            await LogInNewAsync(visitor, "before@example.com");
            using var copy = visitor.Copy();
            using var loggedOut = await visitor.PostAsync("/logout", new { });
            Assert.That(loggedOut.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            _stockCopy = await MeAsync(copy);
            await LogInAsync(visitor, "before@example.com");
            _stockCookies = visitor.Cookies;
        }

        await _application.AddPackageAsync("AuthApi.Sessions.Sqlite", AdoptersMachine.Version);
        _application.Change("adopt.diff");
        _application.Change("header.diff");
        await _application.BuildAsync();
        await _application.AddMigrationAsync("AddServerSideSessions");

        // A test goes back; the others use what it goes back from.
        _running = await _application.CopyTo("Api.Adopted").StartAsync();
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (_running is not null)
        {
            await _running.DisposeAsync();
        }
    }

    [Test]
    public void Before_a_copied_cookie_works_after_the_logout()
    {
        Assert.That(_stockCopy, Is.EqualTo(HttpStatusCode.OK), "what this is all about");
    }

    [Test]
    public async Task Logout_ends_the_session_so_a_copy_is_refused()
    {
        using var visitor = new Visitor(_running!.Address);
        await LogInNewAsync(visitor, "copy@example.com");
        using var copy = visitor.Copy();
        Assert.That(await MeAsync(copy), Is.EqualTo(HttpStatusCode.OK));

        using var loggedOut = await visitor.PostAsync("/logout", new { });

        Assert.That(loggedOut.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(visitor.Cookies, Is.Empty);
        Assert.That(await MeAsync(copy), Is.EqualTo(HttpStatusCode.Unauthorized), "never a redirect: MapIdentityApi has no login page");
    }

    [Test]
    public async Task A_new_password_ends_all_its_sessions()
    {
        using var laptop = new Visitor(_running!.Address);
        using var phone = new Visitor(_running.Address);
        await LogInNewAsync(laptop, "password@example.com");
        await LogInAsync(phone, "password@example.com");

        using var changed = await laptop.PostAsync("/manage/info", new { oldPassword = Password, newPassword = Password + "8" });

        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await changed.Content.ReadAsStringAsync());
        Assert.That(await MeAsync(phone), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await MeAsync(laptop), Is.EqualTo(HttpStatusCode.Unauthorized), "MapIdentityApi does not sign in again");
    }

    [Test]
    public async Task A_role_counts_in_the_next_request()
    {
        using var visitor = new Visitor(_running!.Address);
        await LogInNewAsync(visitor, "role@example.com");

        var before = await StatusAsync(visitor, "/admin");
        using var given = await visitor.SendAsync(HttpMethod.Put, "/admins/role@example.com");
        var with = await StatusAsync(visitor, "/admin");
        using var taken = await visitor.SendAsync(HttpMethod.Delete, "/admins/role@example.com");
        var after = await StatusAsync(visitor, "/admin");

        Assert.That((given.StatusCode, taken.StatusCode), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)), await given.Content.ReadAsStringAsync());
        Assert.That((before, with, after), Is.EqualTo((HttpStatusCode.Forbidden, HttpStatusCode.OK, HttpStatusCode.Forbidden)));
    }

    [Test]
    public async Task Sessions_of_a_user_with_a_guid_are_listed()
    {
        using var visitor = new Visitor(_running!.Address);
        await LogInNewAsync(visitor, "list@example.com");

        var items = JsonNode.Parse(await visitor.OpenAsync("/sessions/"))!["items"]!.AsArray();

        Assert.That(items.Select(item => item!["current"]!.GetValue<bool>()), Is.EqualTo(new[] { true }));
        Assert.That(await visitor.OpenAsync("/me/activity/"), Does.Contain("signed_in"));
    }

    [Test]
    public async Task A_bearer_token_is_not_ended_by_a_logout()
    {
        using var visitor = new Visitor(_running!.Address);
        await LogInNewAsync(visitor, "bearer@example.com");
        using var login = await visitor.PostAsync("/login", new { email = "bearer@example.com", password = Password });
        var token = (await login.Content.ReadFromJsonAsync<JsonObject>())!["accessToken"]!.GetValue<string>();
        using var client = new HttpClient { BaseAddress = _running.Address, DefaultRequestHeaders = { Authorization = new("Bearer", token) } };

        using var sessions = await client.GetAsync("/sessions/");
        Assert.That(sessions.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), "it has no session to list");

        using var loggedOut = await client.PostAsJsonAsync("/logout", new { });
        using var after = await client.GetAsync("/me");

        Assert.That(loggedOut.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(after.StatusCode, Is.EqualTo(HttpStatusCode.OK), "docs/adopt.md says so");
    }

    [Test]
    public async Task A_token_in_the_header_ends_by_a_logout()
    {
        using var visitor = new Visitor(_running!.Address);
        await LogInNewAsync(visitor, "header@example.com");
        using var app = new HttpClient { BaseAddress = _running.Address };
        using var login = await app.PostAsJsonAsync("/app/login", new { email = "header@example.com", password = Password });
        Assert.That(login.Headers.Contains("Set-Cookie"), Is.False);
        app.DefaultRequestHeaders.Authorization = new("Session", (await login.Content.ReadFromJsonAsync<JsonObject>())!["token"]!.GetValue<string>());
        Assert.That(await app.GetStringAsync("/me"), Is.EqualTo("You are header@example.com."));

        using var loggedOut = await app.PostAsJsonAsync("/logout", new { });
        using var after = await app.GetAsync("/me");

        Assert.That(loggedOut.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(after.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await MeAsync(visitor), Is.EqualTo(HttpStatusCode.OK), "another session of the same user");
    }

    [Test]
    public async Task Going_back_loses_nothing_but_the_sessions()
    {
        string session;
        await using (var adopted = await _application.StartAsync())
        {
            using var visitor = new Visitor(adopted.Address);
            await LogInNewAsync(visitor, "meanwhile@example.com");
            using var given = await visitor.SendAsync(HttpMethod.Put, "/admins/meanwhile@example.com");
            session = visitor.Cookies;
        }

        // What docs/adopt.md says.
        _application.Revert("header.diff");
        _application.Revert("adopt.diff");
        await _application.RemovePackageAsync("AuthApi.Sessions.Sqlite");
        await _application.BuildAsync();
        await _application.AddMigrationAsync("RemoveServerSideSessions");
        var stock = File.ReadAllText(Path.Combine(_application.Folder, "Program.cs"));
        await using var back = await _application.StartAsync();

        Assert.That(stock, Does.Not.Contain("Session"));
        Assert.That(_application.ReadChanges("RemoveServerSideSessions").Take(3), Is.EqualTo(new[] { "DropTable AuditEntries", "DropTable UserSessions", "CreateTable AuditEntries" }));
        using var before = new Visitor(back.Address);
        using var meanwhile = new Visitor(back.Address);
        using var copyOfSession = new Visitor(back.Address, session);
        using var fromBefore = new Visitor(back.Address, _stockCookies);
        await LogInAsync(before, "before@example.com");
        await LogInAsync(meanwhile, "meanwhile@example.com");
        Assert.That(meanwhile.CookieNames, Is.EqualTo(new[] { ".AspNetCore.Identity.Application" }));
        Assert.That(await StatusAsync(meanwhile, "/admin"), Is.EqualTo(HttpStatusCode.OK), "a role from the time of the sessions");
        Assert.That(await MeAsync(copyOfSession), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await MeAsync(fromBefore), Is.EqualTo(HttpStatusCode.OK), "as docs/adopt.md warns");
    }

    private static async Task LogInNewAsync(Visitor visitor, string email)
    {
        using var registered = await visitor.PostAsync("/register", new { email, password = Password });
        Assert.That(registered.StatusCode, Is.EqualTo(HttpStatusCode.OK), await registered.Content.ReadAsStringAsync());
        await LogInAsync(visitor, email);
    }

    private static async Task LogInAsync(Visitor visitor, string email)
    {
        using var response = await visitor.PostAsync("/login?useCookies=true", new { email, password = Password });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
    }

    private static Task<HttpStatusCode> MeAsync(Visitor visitor) => StatusAsync(visitor, "/me");

    private static async Task<HttpStatusCode> StatusAsync(Visitor visitor, string path)
    {
        using var response = await visitor.GetAsync(path);
        return response.StatusCode;
    }
}
