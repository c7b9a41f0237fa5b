using System.Net;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthApi.Tests.Telemetry;

/// <summary>What an orchestrator hears.</summary>
internal sealed class HealthTests
{
    [TestCase("live")]
    [TestCase("ready")]
    public async Task A_program_that_serves_answers_in_one_word(string probe)
    {
        await using var application = new AuthApiApplication();
        using var browser = application.NewBrowser();

        using var response = await browser.GetAsync($"/health/{probe}");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo($$"""{"status":"{{probe}}"}"""));
        Assert.That(response.Headers.CacheControl?.ToString(), Is.EqualTo("no-store"));
    }

    [Test]
    public async Task Without_its_store_it_is_live_and_not_ready()
    {
        await using var application = new AuthApiApplication();
        using var browser = application.NewBrowser();
        foreach (var suffix in new[] { "", "-wal", "-shm" })
        {
            File.Delete(application.DatabaseFile + suffix);
        }

        using var ready = await browser.GetAsync("/health/ready");
        using var live = await browser.GetAsync("/health/live");

        await ready.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(ready.Headers.RetryAfter?.Delta, Is.EqualTo(TimeSpan.FromSeconds(2)));
        Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_program_that_ends_is_not_ready_and_its_store_is_not_blamed()
    {
        var end = new HeldEnd();
        await using var application = new AuthApiApplication(services => services.AddSingleton<IHostedService>(end));
        using var browser = application.NewBrowser();
        application.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        using var ready = await browser.GetAsync("/health/ready");
        using var live = await browser.GetAsync("/health/live");

        await ready.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "service_unavailable");
        Assert.That(ready.Headers.RetryAfter?.Delta, Is.EqualTo(TimeSpan.FromSeconds(2)));
        Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        end.Release();
    }

    [Test]
    public async Task Probes_are_answered_over_plain_HTTP_without_limits()
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["AllowedHosts"] = "api.example.com", ["RateLimiting:Enabled"] = "true", ["RateLimiting:RequestsPerMinute"] = "1" },
            environment: "Production");
        using var orchestrator = application.NewBrowser("http");

        for (var i = 0; i < 5; i++)
        {
            using var live = await orchestrator.GetAsync("/health/live");
            using var ready = await orchestrator.GetAsync("/health/ready");
            Assert.That((live.StatusCode, ready.StatusCode), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.OK)));
        }

        using var other = await orchestrator.GetAsync("/me/");
        await other.ShouldBeProblemAsync(HttpStatusCode.BadRequest, "host_not_allowed");
    }

    [TestCase("/health/live/", HttpStatusCode.OK)]
    [TestCase("/health/ready/?a=%20", HttpStatusCode.OK)]
    [TestCase("/HEALTH/live", HttpStatusCode.NotFound)]
    [TestCase("/health/Ready", HttpStatusCode.NotFound)]
    [TestCase("/%68ealth/live", HttpStatusCode.NotFound)]
    [TestCase("/health/", HttpStatusCode.NotFound)]
    public async Task A_probe_has_one_path(string path, HttpStatusCode status)
    {
        await using var application = new AuthApiApplication(kestrel: true);
        using var browser = application.NewBrowser();
        var address = new Uri(application.ClientOptions.BaseAddress.ToString().Replace("localhost", "127.0.0.1", StringComparison.Ordinal));
        using var connection = await RawConnection.OpenAsync(address);

        await connection.SendAsync($"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");

        Assert.That((await connection.ReadAsync())!.Status, Is.EqualTo((int)status));
    }

    [Test]
    public async Task HEAD_is_answered_without_a_body()
    {
        await using var application = new AuthApiApplication(kestrel: true);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(HttpMethod.Head, "/health/ready");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.Empty);
    }

    [Test]
    public async Task Any_other_health_path_is_a_problem()
    {
        await using var application = new AuthApiApplication();
        using var browser = application.NewBrowser();

        using var unknown = await browser.GetAsync("/health/perfect");
        using var post = await browser.PostAsync("/health/ready");

        await unknown.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        await post.ShouldBeProblemAsync(HttpStatusCode.MethodNotAllowed, "method_not_allowed");
        Assert.That(post.Content.Headers.Allow, Is.EquivalentTo(new[] { "GET", "HEAD" }));
    }

    /// <summary>Holds the end of the program, before anything of it has stopped, until <see cref="Release"/>.</summary>
    private sealed class HeldEnd : IHostedLifecycleService
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Release() => _released.SetResult();

        public Task StoppingAsync(CancellationToken cancellationToken) => _released.Task;

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
