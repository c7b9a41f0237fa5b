using System.Net;
using AuthApi.AccountPage;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.AccountPage;

/// <summary>How the account page is served.</summary>
internal sealed class AccountPageTests
{
    private const string Navigation = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    [Test]
    public async Task The_page_is_small_and_a_browser_keeps_its_files()
    {
        await using var application = new AuthApiApplication(settings: new() { ["Email:ProductName"] = "Ada & Co" });
        using var browser = application.NewBrowser();
        var files = application.Services.GetRequiredService<AccountPageFiles>().All;

        Assert.That(files.Values.Sum(file => file.Content.Length), Is.LessThan(60 * 1024));
        foreach (var (path, file) in files)
        {
            using var response = await browser.GetAsync(path);
            using var head = await browser.SendAsync(HttpMethod.Head, path);
            using var again = await browser.SendAsync(HttpMethod.Get, path, change: request => request.Headers.IfNoneMatch.Add(response.Headers.ETag!));

            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), path);
            Assert.That(await response.Content.ReadAsByteArrayAsync(), Is.EqualTo(file.Content), path);
            Assert.That(response.Headers.CacheControl!.ToString(), Is.EqualTo(path == "/account/" ? "max-age=3600, private" : "public, max-age=31536000, immutable"), path);
            Assert.That(response.Headers.GetValues("Content-Security-Policy").Single(), Does.Contain("script-src 'self'").And.Not.Contain("unsafe").And.Contain("form-action 'none'"));
            Assert.That(response.SetCookies(), Is.Empty);
            Assert.That(head.Content.Headers.ContentLength, Is.EqualTo(file.Content.Length), path);
            Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.NotModified), path);
        }

        using var page = await browser.GetAsync("/account/");
        Assert.That(await page.Content.ReadAsStringAsync(), Does.Contain("Ada &amp; Co").And.Not.Contain("{version}").And.Not.Contain("<style").And.Not.Contain(" style="));
    }

    [Test]
    public async Task A_page_of_another_version_is_started_and_gets_no_other_file()
    {
        await using var application = new AuthApiApplication();
        using var browser = application.NewBrowser();

        using var start = await browser.GetAsync("/account/0123456789abcdef/start.js");
        Assert.That(start.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(start.Headers.CacheControl!.NoStore, Is.True);
        foreach (var path in new[] { "/account/0123456789abcdef/main.js", "/account/start.js", "/account/0123456789abcde/start.js", "/account/0123456789/bcdef/start.js" })
        {
            using var missing = await browser.GetAsync(path);
            Assert.That(missing.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), path);
        }
    }

    [TestCase("", "/", "account/")]
    [TestCase("", "/account", "account/")]
    [TestCase("/auth", "/auth/", "/auth/account/")]
    [TestCase("/auth", "/auth/account", "/auth/account/")]
    public async Task The_root_leads_to_the_page(string prefix, string path, string location)
    {
        await using var application = new AuthApiApplication(settings: new() { ["PathBase"] = prefix });
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(HttpMethod.Get, path, change: request => request.Headers.Add("Accept", Navigation));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Redirect));
        Assert.That(response.Headers.Location?.OriginalString, Is.EqualTo(location));
    }

    [TestCase("Production", null, HttpStatusCode.NotFound)]
    [TestCase("Production", "true", HttpStatusCode.OK)]
    [TestCase("Development", "false", HttpStatusCode.NotFound)]
    public async Task It_is_on_in_Development_and_elsewhere_by_a_setting(string environment, string? enabled, HttpStatusCode status)
    {
        await using var application = new AuthApiApplication(settings: new() { ["AccountPage:Enabled"] = enabled }, environment: environment);
        using var browser = application.NewBrowser();

        using var page = await browser.GetAsync("/account/");
        using var elsewhere = await browser.GetAsync("/account/nothing.js");
        using var root = await browser.SendAsync(HttpMethod.Get, "/", change: request => request.Headers.Add("Accept", "application/json"));

        Assert.That(page.StatusCode, Is.EqualTo(status));
        await elsewhere.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        await root.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
    }
}
