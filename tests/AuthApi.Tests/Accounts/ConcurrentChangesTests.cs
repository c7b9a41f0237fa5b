using System.Net;
using System.Net.Http.Json;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Accounts;

/// <summary>
/// Calls that change one account at the same time. They are made one after the other: none is refused because another one was quicker, and none is a 5xx. Each round is a race,
/// so there are several.
/// </summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class ConcurrentChangesTests(TestedStore database)
{
    private AuthApiApplication _application = null!;

    [SetUp]
    public void SetUp() => _application = new AuthApiApplication(store: database);

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task Changes_at_once_are_all_made()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        for (var round = 0; round < 3; round++)
        {
            var names = await Task.WhenAll(Enumerable.Range(0, 6).Select(number => RenameAsync(browser.Copy(), $"ada{round}{number}")));
            Assert.That(names, Is.All.EqualTo(HttpStatusCode.OK));
        }

        // A new password renews the token: those that come with the old one are refused.
        var renamed = Enumerable.Range(0, 6).Select(number => RenameAsync(browser.Copy(), $"countess{number}")).ToList();
        using var changed = await browser.PostAsync("/password/change/", new { currentPassword = Browser.Password, newPassword = "staple battery horse correct" });
        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await changed.Content.ReadAsStringAsync());
        Assert.That(await Task.WhenAll(renamed), Is.All.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_passkey_is_renamed_while_it_is_deleted()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        for (var round = 0; round < 3; round++)
        {
            using var authenticator = new SoftwareAuthenticator();
            using var options = await browser.PostAsync("/passkeys/options/");
            using var added = await browser.PostAsync("/passkeys/", new { credential = authenticator.Create(await options.JsonAsync()), name = "Phone" });
            Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created));
            var path = $"/passkeys/{authenticator.Id}/";

            var renamed = Enumerable.Range(0, 6).Select(_ => StatusAsync(browser.Copy(), HttpMethod.Patch, path, new { name = "Mine" })).ToList();
            Assert.That(await StatusAsync(browser.Copy(), HttpMethod.Delete, path), Is.EqualTo(HttpStatusCode.NoContent));
            Assert.That(await Task.WhenAll(renamed), Is.All.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.NotFound));
        }
    }

    [Test]
    public async Task Of_two_passkeys_that_are_each_to_be_kept_one_stays()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        for (var round = 0; round < 3; round++)
        {
            using var phone = new SoftwareAuthenticator();
            using var key = new SoftwareAuthenticator();
            foreach (var (authenticator, name) in new[] { (phone, "Phone"), (key, "Key") })
            {
                using var options = await browser.PostAsync("/passkeys/options/");
                using var added = await browser.PostAsync("/passkeys/", new { credential = authenticator.Create(await options.JsonAsync()), name });
                Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created));
            }

            var kept = Enumerable.Range(0, 6).Select(number => StatusAsync(browser.Copy(), HttpMethod.Delete, $"/passkeys/?except={(number % 2 == 0 ? phone : key).Id}"));
            Assert.That(await Task.WhenAll(kept), Has.Exactly(3).EqualTo(HttpStatusCode.OK).And.Exactly(3).EqualTo(HttpStatusCode.NotFound));

            var left = (await browser.GetJsonAsync("/passkeys/")).Each<string>("id").ToList();
            Assert.That(left, Is.EqualTo(new[] { phone.Id }).Or.EqualTo(new[] { key.Id }));
            Assert.That(await StatusAsync(browser.Copy(), HttpMethod.Delete, $"/passkeys/{left[0]}/"), Is.EqualTo(HttpStatusCode.NoContent));
        }
    }

    [Test]
    public async Task An_account_is_deleted_while_it_is_used()
    {
        for (var round = 0; round < 4; round++)
        {
            using var browser = await _application.NewLoggedInBrowserAsync($"ada{round}@example.com");
            (HttpMethod Method, string Path, object? Body)[] calls =
            [
                (HttpMethod.Delete, "/me/", null),
                (HttpMethod.Delete, "/me/", null),
                (HttpMethod.Patch, "/me/", new { userName = $"countess{round}" }),
                (HttpMethod.Get, "/me/export/", null),
                (HttpMethod.Post, "/email/change/", new { newEmail = "ada@lovelace.example" }),
                (HttpMethod.Post, "/login/passkey/options/", null),
                (HttpMethod.Post, "/passkeys/options/", null),
                (HttpMethod.Post, "/reauthenticate/options/", null),
                (HttpMethod.Post, "/two-factor/setup/", null),
                (HttpMethod.Post, "/two-factor/recovery-codes/", null),
            ];

            var made = calls.Select(async call => (call.Path, Status: (int)await StatusAsync(browser.Copy(), call.Method, call.Path, call.Body))).ToList();
            foreach (var (path, status) in await Task.WhenAll(made))
            {
                Assert.That(status, Is.InRange(200, 204).Or.EqualTo(401), path);
            }
        }
    }

    [Test]
    public async Task Administrators_and_the_owner_change_an_account_at_once()
    {
        var (_, root) = await _application.NewAdministratorAsync();
        for (var round = 0; round < 3; round++)
        {
            using var ada = _application.NewBrowser();
            var id = await ada.RegisterAsync($"ada{round}@example.com");
            await ada.LogInAsync($"ada{round}@example.com");
            using var codes = await ada.PostAsync("/two-factor/recovery-codes/");
            (HttpMethod Method, string Path)[] calls =
            [
                (HttpMethod.Post, "disable/"), (HttpMethod.Post, "enable/"), (HttpMethod.Post, "reset-factors/"), (HttpMethod.Post, "require-password-change/"),
                (HttpMethod.Put, "roles/Admin/"), (HttpMethod.Put, "roles/Admin/"), (HttpMethod.Delete, "roles/Admin/"), (HttpMethod.Delete, "sessions/"), (HttpMethod.Delete, ""),
            ];

            var own = StatusAsync(ada.Copy(), HttpMethod.Delete, "/me/");
            var factors = StatusAsync(ada.Copy(), HttpMethod.Post, "/two-factor/recovery-codes/");
            var made = calls.Select(async call => (call.Path, Status: (int)await StatusAsync(root.Copy(), call.Method, $"/admin/users/{id}/{call.Path}"))).ToList();
            foreach (var (path, status) in await Task.WhenAll(made))
            {
                Assert.That(status, Is.InRange(200, 204).Or.EqualTo(404), path);
            }

            Assert.That((int)await own, Is.EqualTo(204).Or.EqualTo(401));
            Assert.That((int)await factors, Is.EqualTo(200).Or.EqualTo(401));
        }

        root.Dispose();
    }

    private static Task<HttpStatusCode> RenameAsync(Browser browser, string userName) => StatusAsync(browser, HttpMethod.Patch, "/me/", new { userName });

    private static async Task<HttpStatusCode> StatusAsync(Browser browser, HttpMethod method, string path, object? body = null)
    {
        await Task.Yield();
        using var response = await browser.SendAsync(method, path, body is null ? null : JsonContent.Create(body));
        return response.StatusCode;
    }
}
