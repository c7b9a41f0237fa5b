using System.Diagnostics;
using System.Net;
using AuthApi.Tests.Harness;

namespace AuthApi.Tests.Storage;

/// <summary>A PostgreSQL server that is out of reach.</summary>
[NonParallelizable]
internal sealed class PostgreSqlOutageTests
{
    [TestCase(false)]
    [TestCase(true, Description = "its connections stay, and nothing answers")]
    public async Task A_server_that_is_gone_or_hangs_is_a_503_in_three_seconds(bool hangs)
    {
        await using var server = await PostgreSqlServer.StartAsync();
        await using var application = new AuthApiApplication(
            settings: new() { ["ConnectionStrings:Auth"] = server.ConnectionString("postgres"), ["RateLimiting:Enabled"] = "true" }, store: TestedStore.PostgreSql);
        using var browser = await application.NewLoggedInBrowserAsync();
        await browser.MeAsync();
        await (hangs ? server.SuspendAsync() : server.StopAsync());

        foreach (var call in new Func<Task<HttpResponseMessage>>[]
        {
            () => browser.GetAsync("/me/"),
            () => browser.LogOutAsync(),
            () => browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password }),
            () => browser.PostAsync("/register/", new { email = "bob@example.com", password = Browser.Password }),
        })
        {
            var watch = Stopwatch.StartNew();
            using var response = await call();
            await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
            Assert.That(response.SetCookies(), Is.Empty);
            Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(3)));
        }

        await (hangs ? server.ResumeAsync() : server.StartAgainAsync());
        Assert.That(() => browser.MeAsync().Result, Is.EqualTo(HttpStatusCode.OK).After(10_000, 20));
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        // The first to find the context's connections broken is not repeated: nobody knows what it has done.
        Assert.That(
            () => browser.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password }).Result.StatusCode,
            Is.EqualTo(HttpStatusCode.OK).After(10_000, 20));
    }
}
