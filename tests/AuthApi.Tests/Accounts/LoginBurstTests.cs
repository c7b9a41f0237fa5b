using System.Diagnostics;
using System.Net;
using AuthApi.Passwords;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace AuthApi.Tests.Accounts;

/// <summary>A crowd that logs in at once, with the product's hash, its default settings and the time of the day.</summary>
[NonParallelizable]
internal sealed class LoginBurstTests
{
    private const int MaxTries = 3;

    // A hundred hashes take 1.5 seconds of a core, and more where something else has the cores.
    [Test]
    public async Task A_hundred_logins_at_once_are_all_served()
    {
        await using var application = new AuthApiApplication(services =>
        {
            services.Replace(ServiceDescriptor.Singleton<IPasswordHasher<ApplicationUser>, Argon2PasswordHasher>());
            services.Replace(ServiceDescriptor.Singleton(TimeProvider.System));
        });
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();

        var maxWait = application.Services.GetRequiredService<IOptions<AccountPasswordOptions>>().Value.MaxWait;
        for (var tries = 1; ; tries++)
        {
            var began = Stopwatch.GetTimestamp();
            var statuses = await LogInAsync(application, 100);
            if (Stopwatch.GetElapsedTime(began) < maxWait || statuses.All(status => status == HttpStatusCode.OK))
            {
                Assert.That(statuses, Is.All.EqualTo(HttpStatusCode.OK));
                return;
            }

            // Who has waited for so long is answered 503, and nothing is shown.
            Assert.That(statuses, Is.All.AnyOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable));
            Assert.That(tries, Is.LessThan(MaxTries), $"This machine is too busy to hash a hundred passwords in {maxWait}.");
        }
    }

    private static Task<HttpStatusCode[]> LogInAsync(AuthApiApplication application, int count) => Task.WhenAll(Enumerable.Range(0, count).Select(async _ =>
    {
        using var one = application.NewBrowser();
        using var response = await one.PostAsync("/login/", new { email = "ada@example.com", password = Browser.Password });
        return response.StatusCode;
    }));
}
