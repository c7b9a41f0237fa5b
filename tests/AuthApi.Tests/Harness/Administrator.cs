using System.Net;
using System.Text.Json.Nodes;
using AuthApi.Administration;
using AuthApi.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Harness;

/// <summary>Makes an administrator, and the calls of one.</summary>
internal static class Administrator
{
    /// <summary>Registers an administrator and logs in.</summary>
    public static async Task<(int Id, Browser Browser)> NewAdministratorAsync(this AuthApiApplication application, string email = "root@example.com")
    {
        var browser = application.NewBrowser();
        var id = await browser.RegisterAsync(email);
        await application.WithScopeAsync(async services =>
            Assert.That(await services.GetRequiredService<AccountAdministration>().GrantAsync(id, AccountRoles.Admin), Is.Null));
        await browser.LogInAsync(email);
        return (id, browser);
    }

    public static async Task<JsonNode> GetJsonAsync(this Browser browser, string path)
    {
        using var response = await browser.GetAsync(path);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await response.JsonAsync();
    }

    /// <summary>Makes a call that answers 204.</summary>
    public static async Task DoAsync(this Browser browser, HttpMethod method, string path)
    {
        using var response = await browser.SendAsync(method, path);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await response.Content.ReadAsStringAsync());
    }

    public static async Task<int> EndAsync(this Browser browser, string path)
    {
        using var response = await browser.DeleteAsync(path);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return (int)(await response.JsonAsync())["endedSessions"]!;
    }

    public static IEnumerable<T> Each<T>(this JsonNode page, string field) => page["items"]!.AsArray().Select(item => item![field]!.GetValue<T>());
}
