using System.Net;
using AuthApi.Codes;
using AuthApi.Factors;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Storage;

/// <summary>What has expired does not stay in the database.</summary>
[TestFixture(TestedStore.Sqlite)]
[TestFixture(TestedStore.PostgreSql)]
internal sealed class ExpiredRowsTests(TestedStore database)
{
    private AuthApiApplication _application = null!;
    private Browser _browser = null!;

    [SetUp]
    public void SetUp()
    {
        _application = new AuthApiApplication(store: database);
        _browser = _application.NewBrowser();
    }

    [TearDown]
    public async Task TearDown()
    {
        _browser.Dispose();
        await _application.DisposeAsync();
    }

    [Test]
    public async Task Ceremonies_of_passkeys_are_deleted()
    {
        await BeginAsync();
        _application.Time.Advance(TimeSpan.FromMinutes(4));
        await BeginAsync();
        Assert.That(await CountAsync<PasskeyCeremony>(), Is.EqualTo(2));

        _application.Time.Advance(TimeSpan.FromMinutes(2));

        Assert.That(() => CountAsync<PasskeyCeremony>().Result, Is.EqualTo(1).After(10_000, 20), "one is good for three more minutes");
    }

    [Test]
    public async Task Codes_are_deleted()
    {
        await _browser.RegisterAsync();
        using var forgot = await _browser.PostAsync("/password/forgot/", new { email = "ada@example.com" });
        Assert.That(forgot.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        await _application.NextCodeAsync();
        Assert.That(await CountAsync<OneTimeCode>(), Is.EqualTo(1));

        _application.Time.Advance(TimeSpan.FromHours(2));

        Assert.That(() => CountAsync<OneTimeCode>().Result, Is.Zero.After(10_000, 20));
    }

    private async Task BeginAsync()
    {
        using var options = await _browser.PostAsync("/login/passkey/options/");
        Assert.That(options.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    private Task<int> CountAsync<TRow>()
        where TRow : class, IExpiringRow =>
        _application.QueryAsync(context => context.Set<TRow>().CountAsync());
}
