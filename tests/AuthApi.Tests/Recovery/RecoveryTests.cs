using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Recovery;

/// <summary>Getting into an account by a mailed code and a recovery code.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class RecoveryTests(TestedStore database)
{
    private const string Ada = "ada@example.com";
    private const string NewPassword = "staple battery horse correct";

    private static readonly string[] Allowed = ["logout", "me", "changePassword", "listPasskeys", "passkeyOptions", "addPasskey"];

    [TestCase(SessionTransport.Cookie)]
    [TestCase(SessionTransport.Header)]
    public async Task A_recovered_session_adds_a_passkey_or_a_password_only(SessionTransport transport)
    {
        await using var application = new AuthApiApplication(store: database);
        using var owner = await application.NewLoggedInBrowserAsync(transport: transport);
        using var codes = await owner.PostAsync("/two-factor/recovery-codes/");
        var recoveryCode = (await codes.JsonAsync())["recoveryCodes"]![0]!.GetValue<string>();
        using var lost = new SoftwareAuthenticator();
        using var lostOptions = await owner.PostAsync("/passkeys/options/");
        (await owner.PostAsync("/passkeys/", new { credential = lost.Create(await lostOptions.JsonAsync()), name = "Lost phone" })).Dispose();
        using var forgotten = await owner.PostAsync("/password/forgot/", new { email = Ada });
        var code = await application.NextCodeAsync();

        using var caller = application.NewBrowser(transport: transport);
        foreach (var (mailed, recovery) in new[] { (code, "7K3M-9QXW-2DTA-4F8H-0YBC-6RVN"), ("7K3M-9QXW-2DTA", recoveryCode) })
        {
            using var wrong = await caller.PostAsync("/recovery/", new { email = Ada, code = mailed, recoveryCode = recovery });
            Assert.That((string?)(await wrong.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code"))["title"], Does.Contain("One of the two codes"));
        }

        using var recovered = await caller.PostAsync("/recovery/", new { email = Ada, code, recoveryCode, transport = caller.Transport });
        Assert.That(recovered.StatusCode, Is.EqualTo(HttpStatusCode.OK), await recovered.Content.ReadAsStringAsync());
        var session = await caller.KeepTokenAsync(recovered);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(session["authenticationMethods"]!.ToJsonString(), Is.EqualTo("""["rc"]"""));
            Assert.That(session["expiresAt"]!.GetValue<DateTimeOffset>(), Is.LessThanOrEqualTo(application.Time.GetUtcNow().AddMinutes(10)));
            Assert.That(await owner.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized), "the other session");
            Assert.That((await application.NextMailAsync(Ada, "your account was recovered")).TextBody, Does.Contain("Lost phone").And.Contain("9 recovery codes"));
            Assert.That(await application.EventsAsync(1), Has.Member("AccountRecovered").And.Member("RecoveryCodeUsed"));
        }

        using var again = await application.NewBrowser().PostAsync("/recovery/", new { email = Ada, code, recoveryCode });
        await again.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "invalid_code");

        // Every call that needs a session, so that one that is added is among them.
        var document = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs/openapi.json")))!;
        var calls = document["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject(), (path, call) => (Path: path.Key, Method: call.Key, Call: call.Value!))
            .Where(call => call.Call["security"] is not null)
            .ToLookup(call => Allowed.Contains((string?)call.Call["operationId"]));
        Assert.That(calls[true].ToList(), Has.Count.EqualTo(Allowed.Length));
        foreach (var (template, method, call) in calls[false])
        {
            var path = template.Replace("{id}", template.StartsWith("/passkeys", StringComparison.Ordinal) ? lost.Id : "1", StringComparison.Ordinal);
            using var refused = await caller.SendAsync(new HttpMethod(method.ToUpperInvariant()), path, method is "post" or "patch" ? JsonContent.Create(new { }) : null);
            await refused.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "recovery_session");
            var answer = call["responses"]!["403"]!;
            answer = answer["$ref"] is { } reference ? document["components"]!["responses"]![((string)reference!).Split('/')[^1]]! : answer;
            Assert.That((string?)answer["description"], Does.Contain("`recovery_session`"), $"{method} {template}");
        }

        using var passkey = new SoftwareAuthenticator();
        using var options = await caller.PostAsync("/passkeys/options/");
        using var added = await caller.PostAsync("/passkeys/", new { credential = passkey.Create(await options.JsonAsync()), name = "New phone" });
        Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created), await added.Content.ReadAsStringAsync());
        await LockAsync(application, DateTimeOffset.MaxValue);
        using var disabled = await caller.PostAsync("/password/change/", new { newPassword = NewPassword });
        await disabled.ShouldBeProblemAsync(HttpStatusCode.Unauthorized, "not_authenticated");
        await LockAsync(application, null);
        using var changed = await caller.PostAsync("/password/change/", new { newPassword = NewPassword });
        Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.OK), await changed.Content.ReadAsStringAsync());
        await caller.KeepTokenAsync(changed);
        using var still = await caller.GetAsync("/sessions/");
        await still.ShouldBeProblemAsync(HttpStatusCode.Forbidden, "recovery_session");
        using var out_ = await caller.LogOutAsync();
        Assert.That(out_.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        // With what was set up, all is open again, and the lost passkey goes.
        using var loginOptions = await caller.PostAsync("/login/passkey/options/");
        using var login = await caller.PostAsync("/login/passkey/", new { credential = passkey.Get(await loginOptions.JsonAsync()), transport = caller.Transport });
        await caller.KeepTokenAsync(login);
        using var removed = await caller.DeleteAsync($"/passkeys/?except={passkey.Id}");
        Assert.That((await removed.JsonAsync())["removed"]!.GetValue<int>(), Is.EqualTo(1));
        await caller.LogInAsync(password: NewPassword);

        // A reset lists what else can log in.
        application.Time.Advance(TimeSpan.FromMinutes(6));
        using var forgottenAgain = await caller.PostAsync("/password/forgot/", new { email = Ada });
        var resetCode = await application.NextCodeAsync();
        using var reset = await caller.PostAsync("/password/reset/", new { email = Ada, code = resetCode, newPassword = "correct horse staple battery" });
        Assert.That(reset.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That((await application.NextMailAsync(Ada, "your password has been changed")).TextBody, Does.Not.Contain("New phone"), "of the change");
        Assert.That((await application.NextMailAsync(Ada, "your password has been changed")).TextBody, Does.Contain("New phone"), "of the reset");
    }

    [Test]
    public async Task Wrong_recovery_codes_are_recorded_and_void_the_mailed_code()
    {
        await using var application = new AuthApiApplication(store: database);
        using var owner = await application.NewLoggedInBrowserAsync();
        using var codes = await owner.PostAsync("/two-factor/recovery-codes/");
        string[] recoveryCodes = [.. (await codes.JsonAsync())["recoveryCodes"]!.AsArray().Select(stored => stored!.GetValue<string>())];
        var recoveryCode = recoveryCodes[0];
        using var forgotten = await owner.PostAsync("/password/forgot/", new { email = Ada });
        var code = await application.NextCodeAsync();

        using var caller = application.NewBrowser();
        var guesses = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => RecoverAsync("7K3M-9QXW-2DTA-4F8H-0YBC-6RVN")));
        Assert.That(guesses, Is.All.EqualTo("invalid_code"));

        var refused = (await owner.GetJsonAsync("/me/activity/"))["items"]!.AsArray().Where(item => (string?)item!["event"] == "code_refused").ToList();
        Assert.That(refused.ConvertAll(item => (string?)item!["reason"]), Is.EqualTo(Enumerable.Repeat("recovery_code", 5)));
        Assert.That(await RecoverAsync(recoveryCode), Is.EqualTo("invalid_code"), "the mailed code is void");

        // With another one the recovery code still works.
        application.Time.Advance(TimeSpan.FromMinutes(6));
        using var forgottenAgain = await owner.PostAsync("/password/forgot/", new { email = Ada });
        code = await application.NextCodeAsync();
        await LockAsync(application, DateTimeOffset.MaxValue);
        Assert.That(await RecoverAsync(recoveryCode), Is.EqualTo("invalid_code"), "a disabled account");
        await LockAsync(application, null);

        // Once, of many uses at the same moment.
        var recovered = await Task.WhenAll(recoveryCodes.Take(6).Select(RecoverAsync));
        Assert.That(recovered.Count(problem => problem is null), Is.EqualTo(1));
        Assert.That((await application.EventsAsync(1)).Count(what => what == "AccountRecovered"), Is.EqualTo(1));

        async Task<string?> RecoverAsync(string recovery)
        {
            using var response = await caller.Copy().PostAsync("/recovery/", new { email = Ada, code, recoveryCode = recovery });
            return (string?)(await response.JsonAsync())["code"];
        }
    }

    // By hand: as an administrator disables an account, its codes and sessions end anyway.
    private static Task<int> LockAsync(AuthApiApplication application, DateTimeOffset? end) =>
        application.QueryAsync(context => context.Users.ExecuteUpdateAsync(update => update.SetProperty(user => user.LockoutEnd, end)));
}
