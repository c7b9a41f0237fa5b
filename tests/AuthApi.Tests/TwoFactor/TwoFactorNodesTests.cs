using System.Net;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.TwoFactor;

/// <summary>Second factors on two nodes of one PostgreSQL database, which are given the same at the same moment.</summary>
internal sealed class TwoFactorNodesTests
{
    private const string Ada = "ada@example.com";
    private const int Rounds = 30;

    private AuthApiApplication _first = null!;
    private AuthApiApplication _second = null!;
    private AuthenticatorApp _app = null!;
    private string[] _recoveryCodes = null!;

    [OneTimeSetUp]
    public async Task StartNodes()
    {
        _first = new AuthApiApplication(store: TestedStore.PostgreSql);
        _first.StartServer();
        _second = new AuthApiApplication(
            settings: new() { ["ConnectionStrings:Auth"] = _first.Services.GetRequiredService<PostgreSqlStorage>().ConnectionString }, store: TestedStore.PostgreSql);
        _second.StartServer();
        using var owner = await _first.NewLoggedInBrowserAsync();
        using var setup = await owner.PostAsync("/two-factor/setup/");
        _app = new AuthenticatorApp((await setup.JsonAsync())["sharedKey"]!.GetValue<string>(), _first.Time);
        using var enabled = await owner.PostAsync("/two-factor/enable/", new { code = _app.Code() });
        _recoveryCodes = [.. (await enabled.JsonAsync())["recoveryCodes"]!.AsArray().Select(code => code!.GetValue<string>())];
    }

    [OneTimeTearDown]
    public async Task EndNodes()
    {
        if (_second is not null)
        {
            await _second.DisposeAsync();
            await _first.DisposeAsync();
        }
    }

    [Test]
    public async Task A_code_is_accepted_by_one_of_two_nodes()
    {
        for (var round = 0; round < Rounds; round++)
        {
            Advance(TimeSpan.FromSeconds(30));
            await ShouldBeAcceptedOnceAsync(new { email = Ada, password = Browser.Password, twoFactorCode = _app.Code(), transport = "header" });
        }
    }

    [Test]
    public async Task A_recovery_code_is_accepted_by_one_of_two_nodes()
    {
        foreach (var code in _recoveryCodes)
        {
            Advance(TimeSpan.FromSeconds(1));
            await ShouldBeAcceptedOnceAsync(new { email = Ada, password = Browser.Password, twoFactorRecoveryCode = code, transport = "header" });
        }
    }

    private async Task ShouldBeAcceptedOnceAsync(object login)
    {
        var responses = await Task.WhenAll(new[] { _first, _second }.Select(node => Task.Run(async () =>
        {
            using var browser = node.NewBrowser();
            using var response = await browser.PostAsync("/login/", login);
            return response.StatusCode;
        })));
        Assert.That(responses, Is.EquivalentTo(new[] { HttpStatusCode.OK, HttpStatusCode.Unauthorized }));
    }

    private void Advance(TimeSpan time)
    {
        _first.Time.Advance(time);
        _second.Time.Advance(time);
    }
}
