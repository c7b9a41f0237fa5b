using System.Net;
using AuthApi.Passwords;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AuthApi.Tests.Accounts;

/// <summary>A crowd that logs in at once, with the product's hash, its default settings and the time of the day.</summary>
[NonParallelizable]
internal sealed class LoginBurstTests
{
    // Each waits less than Passwords:MaxWait, 10 seconds by default, or would be answered 503. A hundred hashes take 1.5 seconds of a core, and more where
    // something else has the cores.
    [Test]
    [Retry(3)]
    public async Task A_hundred_logins_at_once_are_all_served()
    {
        await using var application = new AuthApiApplication(services =>
        {
            services.Replace(ServiceDescriptor.Singleton<IPasswordHasher<ApplicationUser>, Argon2PasswordHasher>());
            services.Replace(ServiceDescriptor.Singleton(TimeProvider.System));
        });
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();

        var statuses = await Task.WhenAll(Enumerable.Range(0, 100).Select(async _ =>
        {
            using var one = application.NewBrowser();
            using var response = await one.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
            return response.StatusCode;
        }));

        Assert.That(statuses, Is.All.EqualTo(HttpStatusCode.OK));
    }
}
