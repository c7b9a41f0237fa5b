using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using AuthApi.Factors;
using AuthApi.Sessions;

namespace AuthApi.FaultTests.Harness;

/// <summary>Somebody with an authenticator app, recovery codes and a passkey, who logs in by each of them, one after the other, and logs out.</summary>
internal sealed class FactorPerson(string email, SessionTransport transport, Ledger ledger)
{
    // With the time of a token, a change of factors takes a factor that was used in the last ten minutes.
    private static readonly TimeSpan Recent = TimeSpan.FromMinutes(5);

    private const int MaxStaying = 40;

    private readonly Queue<string> _recoveryCodes = new();
    private int _staying;
    private long _lastStep;
    private long _reauthenticatedAt = Stopwatch.GetTimestamp();

    /// <summary>How often they logged in by each factor.</summary>
    public Dictionary<string, int> Logins { get; } = new(StringComparer.Ordinal) { ["app"] = 0, ["recovery code"] = 0, ["passkey"] = 0 };

    /// <summary>Lives on until the load ends.</summary>
    public async Task LiveAsync(RunningProgram program, CancellationToken ending)
    {
        using var authenticator = new SoftwareAuthenticator("http://localhost");
        using var own = program.NewBrowser(transport);
        await own.RegisterAsync(email);
        await own.LogInAsync(email);
        var app = await EnableAppAsync(own);
        await AddPasskeyAsync(own, authenticator);
        while (!ending.IsCancellationRequested)
        {
            await LogInAndOutAsync(program, "passkey", async browser =>
                await browser.PostAsync("/login/passkey/", new { credential = authenticator.Get(await OptionsAsync(browser, "/login/passkey/options/")), transport = browser.Transport }));

            if (!_recoveryCodes.TryDequeue(out var recoveryCode))
            {
                await RenewRecoveryCodesAsync(own, authenticator);
                recoveryCode = _recoveryCodes.Dequeue();
            }

            await LogInAndOutAsync(program, "recovery code", browser => browser.PostAsync(
                "/login/", new { email, password = Browser.Password, twoFactorRecoveryCode = recoveryCode, transport = browser.Transport }));

            // Each code of an app is good once, and none before it: two in a minute.
            var now = TimeStepCode.StepAt(TimeProvider.System.GetUtcNow());
            if (_lastStep < now + 1)
            {
                _lastStep = Math.Max(_lastStep + 1, now);
                var code = app.Code((int)(_lastStep - now));
                await LogInAndOutAsync(program, "app", browser => browser.PostAsync(
                    "/login/", new { email, password = Browser.Password, twoFactorCode = code, transport = browser.Transport }));
            }
        }
    }

    private async Task LogInAndOutAsync(RunningProgram program, string factor, Func<Browser, Task<HttpResponseMessage>> logIn)
    {
        using var browser = program.NewBrowser(transport);
        using var login = await logIn(browser);
        Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"{factor}: {await login.Content.ReadAsStringAsync()}");
        await browser.KeepTokenAsync(login);
        var token = browser.Token;
        ledger.LoggedIn(token);

        // Each third stays, until many do: of more than a user may have the first would end.
        if (Logins[factor]++ % 3 == 0 && _staying < MaxStaying)
        {
            _staying++;
        }
        else
        {
            Assert.That(await ledger.EndAsync(token, () => browser.LogOutAsync()), Is.EqualTo(HttpStatusCode.OK));
        }
    }

    private async Task<AuthenticatorApp> EnableAppAsync(Browser own)
    {
        using var setup = await own.PostAsync("/two-factor/setup/");
        var app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), TimeProvider.System);
        _lastStep = TimeStepCode.StepAt(TimeProvider.System.GetUtcNow());
        using var enabled = await own.PostAsync("/two-factor/enable/", new { code = app.Code() });
        await KeepCodesAsync(enabled);
        return app;
    }

    private static async Task AddPasskeyAsync(Browser own, SoftwareAuthenticator authenticator)
    {
        using var added = await own.PostAsync("/passkeys/", new { credential = authenticator.Create(await OptionsAsync(own, "/passkeys/options/")), name = "Phone" });
        Assert.That(added.StatusCode, Is.EqualTo(HttpStatusCode.Created), await added.Content.ReadAsStringAsync());
    }

    private async Task RenewRecoveryCodesAsync(Browser own, SoftwareAuthenticator authenticator)
    {
        if (Stopwatch.GetElapsedTime(_reauthenticatedAt) > Recent)
        {
            using var again = await own.PostAsync("/reauthenticate/", new { credential = authenticator.Get(await OptionsAsync(own, "/reauthenticate/options/")) });
            await own.KeepTokenAsync(again);
            _reauthenticatedAt = Stopwatch.GetTimestamp();
        }

        using var codes = await own.PostAsync("/two-factor/recovery-codes/");
        await KeepCodesAsync(codes);
    }

    private async Task KeepCodesAsync(HttpResponseMessage response)
    {
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        foreach (var code in (await response.JsonAsync())["recoveryCodes"]!.AsArray())
        {
            _recoveryCodes.Enqueue(code!.GetValue<string>());
        }
    }

    private static async Task<JsonNode> OptionsAsync(Browser browser, string call)
    {
        using var response = await browser.PostAsync(call);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }
}
