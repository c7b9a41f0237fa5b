using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using AuthApi.Sessions;
using AuthApi.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.Startup;

/// <summary>What the program says of itself, at its most talkative.</summary>
internal sealed class LogTests
{
    [TestCase(SessionTransport.Cookie)]
    [TestCase(SessionTransport.Header)]
    public async Task The_log_has_no_secret_and_no_forged_line(SessionTransport transport)
    {
        var log = new CapturedLog();
        await using var application = new AuthApiApplication(
            services => services.AddSingleton<ILoggerProvider>(log),
            new()
            {
                ["Logging:LogLevel:Default"] = "Trace",
                ["Logging:LogLevel:Microsoft.AspNetCore"] = "Trace",
                ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "Trace",
                ["Logging:LogLevel:AuthApi.Sessions.SessionAuthenticationHandler"] = "Trace",
            });
        using var browser = await application.NewLoggedInBrowserAsync(transport: transport);
        var tokens = new List<string> { browser.Token };
        await browser.MeAsync();
        await browser.ReauthenticateAsync();
        tokens.Add(browser.Token);
        using var wrong = await browser.PostAsync("/reauthenticate/", new { password = "a wrong password" });
        using var forged = await browser.SendAsync(
            HttpMethod.Post, "/login/", JsonContent.Create(new { email = "ada@example.com\r\nFAKE LINE", password = "another wrong one" }),
            request => request.Headers.TryAddWithoutValidation("User-Agent", "FAKE\u001b[31m DEVICE"));
        using var list = await browser.GetAsync("/sessions/");
        using var logout = await browser.LogOutAsync("all");
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        var passwordHash = await application.QueryAsync(context => context.Users.Select(user => user.PasswordHash!).SingleAsync());
        var hashes = tokens.Select(token => SessionToken.TryParse(token, out var parsed) ? Convert.ToHexString(parsed.Hash.ToArray()) : "?");
        Assert.That(log.Lines, Has.Count.GreaterThan(100), "it is talkative");
        foreach (var line in log.Lines)
        {
            foreach (var secret in tokens.Concat(hashes).Concat([passwordHash, Browser.Password, "a wrong password", "another wrong one"]))
            {
                Assert.That(line, Does.Not.Contain(secret).IgnoreCase);
            }

            Assert.That(line, Does.Not.Contain("\r\nFAKE LINE").And.Not.Contain("FAKE\u001b"));
        }
    }

    [Test]
    public async Task Refusals_are_logged_once_a_minute()
    {
        var log = new CapturedLog();
        await using var application = new AuthApiApplication(
            services => services.AddSingleton<ILoggerProvider>(log),
            new() { ["RateLimiting:Enabled"] = "true", ["RateLimiting:RequestsPerMinute"] = "1" });
        using var browser = application.NewBrowser();

        foreach (var lines in new[] { 1, 2 })
        {
            for (var request = 0; request < 5; request++)
            {
                using var tooMany = await browser.GetAsync("/me/");
                using var crossSite = await browser.SendAsync(HttpMethod.Post, "/me/", change: it => it.Headers.Add("Sec-Fetch-Site", "cross-site"));
                Assert.That(crossSite.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden));
            }

            Assert.That(log.Lines.Count(line => line.Contains("there are too many", StringComparison.Ordinal)), Is.EqualTo(lines));
            Assert.That(log.Lines.Count(line => line.Contains("A cross-site request from", StringComparison.Ordinal)), Is.EqualTo(lines));
            application.Time.Advance(TimeSpan.FromMinutes(1));
        }
    }

    private sealed class CapturedLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            Lines.Enqueue(state.ToString() ?? "");
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
