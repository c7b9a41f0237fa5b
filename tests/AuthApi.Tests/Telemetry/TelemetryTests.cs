using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AuthApi.Administration;
using AuthApi.Sessions;
using AuthApi.Storage;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace AuthApi.Tests.Telemetry;

/// <summary>What operators see of the program from outside: at <c>/metrics</c>, and where OpenTelemetry sends it.</summary>
[NonParallelizable]
internal sealed partial class TelemetryTests
{
    private const string Address = "ada@example.com";

    [Test]
    public async Task Nothing_is_set_up_by_default()
    {
        await using var application = new AuthApiApplication();
        using var browser = application.NewBrowser();

        using var response = await browser.GetAsync("/metrics");

        await response.ShouldBeProblemAsync(HttpStatusCode.NotFound, "not_found");
        Assert.That(application.Services.GetService<MeterProvider>(), Is.Null);
        Assert.That(application.Services.GetService<TracerProvider>(), Is.Null);

        // One subscriber, of whatever event, and MVC takes its slower way in each request.
        Assert.That(application.Services.GetRequiredService<DiagnosticListener>().IsEnabled(), Is.False);
    }

    [TestCase("/METRICS")]
    [TestCase("/%4d%65trics")]
    [TestCase("/%6detrics")]
    public async Task Metrics_are_served_at_the_exact_path_only(string path)
    {
        await using var application = new AuthApiApplication(settings: new() { ["Metrics:Enabled"] = "true" }, kestrel: true);
        using var browser = application.NewBrowser();
        using var raw = await RawConnection.OpenAsync(application.ClientOptions.BaseAddress);

        await raw.SendAsync($"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        (await raw.ReadAsync())!.ShouldBeProblem(404, "not_found");
    }

    [Test]
    public async Task HEAD_of_the_metrics_is_answered_without_a_body()
    {
        await using var application = new AuthApiApplication(settings: new() { ["Metrics:Enabled"] = "true" }, kestrel: true);
        using var browser = application.NewBrowser();

        using var response = await browser.SendAsync(HttpMethod.Head, "/metrics");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("text/plain"));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.Empty);
    }

    [Test]
    public async Task Prometheus_is_answered_over_plain_HTTP_under_any_host()
    {
        await using var application = new AuthApiApplication(
            settings: new() { ["Metrics:Enabled"] = "true", ["AllowedHosts"] = "api.example.com" }, environment: "Production");
        using var prometheus = application.NewBrowser("http");

        using var response = await prometheus.GetAsync("/metrics");
        using var post = await prometheus.PostAsync("/metrics");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(response.Headers.CacheControl?.ToString(), Is.EqualTo("no-store"));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("authapi_sessions_cache_hits_total"));
        Assert.That(post.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), "as anywhere else");
    }

    [Test]
    public async Task Every_dashboard_metric_is_exported_and_none_names_a_user()
    {
        await using var application = new AuthApiApplication(settings: new() { ["Metrics:Enabled"] = "true", ["RateLimiting:Enabled"] = "true" }, kestrel: true);
        var secrets = await UseEveryCallAsync(() => application.NewBrowser("http"), transport => application.NewBrowser("http", transport));
        using var prometheus = application.NewBrowser("http");
        using var refused = await prometheus.GetAsync("/admin/users/");
        await application.WithScopeAsync(services => services.GetRequiredService<AccountAdministration>().GrantAsync(1, AccountRoles.Admin));
        await application.MailIsQuietAsync();

        using var response = await prometheus.GetAsync("/metrics");
        var text = await response.Content.ReadAsStringAsync();

        var exported = Samples().Matches(text).Select(sample => sample.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        var dashboard = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "grafana-dashboard.json")))!;
        var queried = dashboard["panels"]!.AsArray()
            .SelectMany(panel => panel!["targets"]?.AsArray() ?? [])
            .SelectMany(target => Queried().Matches(target!["expr"]!.GetValue<string>()))
            .Select(name => name.Groups[1].Value)
            .ToHashSet(StringComparer.Ordinal);
        Assert.That(queried, Has.Count.GreaterThan(15));
        Assert.That(queried.Except(exported), Is.Empty, "queried, and not exported");
        Assert.That(exported.Where(name => name.StartsWith("authapi_", StringComparison.Ordinal)).Select(Stem).Except(queried.Select(Stem)), Is.Empty, "exported, and on no panel");
        AssertNoneIsIn(secrets, text);
    }

    [Test]
    public async Task With_its_own_port_it_is_served_there_alone()
    {
        using var folder = new TemporaryFolder();
        using var own = new ReservedPort();
        var port = own.Number;
        await using var program = await RunningProgram.StartAsync(
            folder.Path, $"--urls=http://127.0.0.1:0;http://127.0.0.1:{port}", "--Metrics:Enabled=true", $"--Metrics:Port={port}");
        using var client = new HttpClient();

        using var there = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/metrics"));
        using var elsewhere = await client.GetAsync(new Uri(program.Address, "/metrics"));
        using var forged = new HttpRequestMessage(HttpMethod.Get, new Uri(program.Address, "/metrics"));
        forged.Headers.Host = $"127.0.0.1:{port}";
        using var answer = await client.SendAsync(forged);

        Assert.That(there.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(elsewhere.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), "by whatever name");
    }

    [Test]
    public async Task Every_instrument_is_in_the_operators_table()
    {
        await using var application = new AuthApiApplication();
        using var browser = await application.NewLoggedInBrowserAsync();
        using var numbers = new Numbers(application.Services.GetRequiredService<IMeterFactory>());
        var page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "operations.md"));

        Assert.That(numbers.Published, Has.Count.GreaterThan(7));
        foreach (var (name, instrument) in numbers.Published)
        {
            Assert.That(page, Does.Contain($"| `{name}` | {instrument.Unit} |"), name);
        }
    }

    [Test]
    public async Task Telemetry_goes_to_the_standard_endpoints_without_secrets()
    {
        using var folder = new TemporaryFolder();
        await using var collector = await Collector.StartAsync();
        List<string> secrets;
        await using (var program = await RunningProgram.StartAsync(
            folder.Path, $"--OTEL_EXPORTER_OTLP_ENDPOINT={collector.Address}", "--OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"))
        {
            secrets = await UseEveryCallAsync(() => program.NewBrowser(), program.NewBrowser);
            using var probe = await program.NewBrowser().GetAsync("/health/live");
            await program.TerminateAsync();
            Assert.That((await program.Ended).ExitCode, Is.Zero);
        }

        // Protocol buffers have their texts in UTF-8, as they are.
        Assert.That(collector.Received("/v1/traces"), Does.Contain("http.route").And.Contain("logout").And.Contain("AuthApi"));
        Assert.That(collector.Received("/v1/traces"), Does.Not.Contain("health/live"));
        Assert.That(collector.Received("/v1/metrics"), Does.Contain("authapi.sessions.started").And.Contain("aspnetcore.identity.sign_in"));
        Assert.That(collector.Received("/v1/logs"), Does.Contain("User 1 registered."));
        foreach (var path in new[] { "/v1/traces", "/v1/metrics", "/v1/logs" })
        {
            AssertNoneIsIn(secrets, collector.Received(path));
        }
    }

    [Test]
    public async Task A_signal_goes_only_where_its_own_variable_points()
    {
        using var folder = new TemporaryFolder();
        await using var collector = await Collector.StartAsync();
        await using (var program = await RunningProgram.StartAsync(
            folder.Path, $"--OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={collector.Address}mine", "--OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf", "--OTEL_SERVICE_NAME=door"))
        {
            using var browser = program.NewBrowser();
            await browser.MeAsync();
            await program.TerminateAsync();
            Assert.That((await program.Ended).ExitCode, Is.Zero);
        }

        Assert.That(collector.Received("/mine"), Does.Contain("door"));
        Assert.That(collector.Paths, Is.EquivalentTo(new[] { "/mine" }));
    }

    // What a name is without what a histogram adds to it.
    private static string Stem(string name) => Suffix().Replace(name, "");

    private static void AssertNoneIsIn(List<string> secrets, string text)
    {
        foreach (var secret in secrets)
        {
            Assert.That(text, Does.Not.Contain(secret).IgnoreCase);
        }
    }

    /// <summary>Does once all that there is to do, well and badly.</summary>
    /// <returns>What nobody may read of it.</returns>
    private static async Task<List<string>> UseEveryCallAsync(Func<Browser> newBrowser, Func<SessionTransport, Browser> newClient)
    {
        var tokens = new List<string>();
        using var laptop = newBrowser();
        await laptop.RegisterAsync(Address, userName: "ada-lovelace");
        await laptop.LogInAsync(Address);
        tokens.Add(laptop.Token);
        using var phone = newClient(SessionTransport.Header);
        await phone.LogInAsync(Address);
        tokens.Add(phone.Token);
        await laptop.MeAsync();
        await laptop.ReauthenticateAsync();
        tokens.Add(laptop.Token);
        using var list = await laptop.GetAsync("/sessions/");
        using var query = await laptop.GetAsync($"/me/activity/?limit=5&token={tokens[0]}&email={Address}");
        using var wrong = await phone.PostAsync("/reauthenticate/", new { password = "a wrong password" });
        using var guess = await laptop.PostAsync("/login/", new { email = Address, password = "another wrong one" });
        using var forgot = await laptop.PostAsync("/password/forgot/", new { email = Address });
        using var others = await phone.LogOutAsync("others");
        using var logout = await phone.LogOutAsync();
        using var dead = await phone.LogOutAsync();
        Assert.That(dead.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        return
        [
            .. tokens,
            .. tokens.Select(token => SessionToken.TryParse(token, out var parsed) ? Convert.ToHexString(parsed.Hash.ToArray()) : "?"),
            Browser.Password, "a wrong password", "another wrong one", Address, "ada-lovelace",
        ];
    }

    [GeneratedRegex(@"^([a-z_]+)\{", RegexOptions.Multiline)]
    private static partial Regex Samples();

    [GeneratedRegex(@"([a-z_]+)\{")]
    private static partial Regex Queried();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Suffix();

    /// <summary>A stand-in for what takes telemetry, which keeps it as it came.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly WebApplication _application;
        private readonly ConcurrentDictionary<string, string> _received = new();

        private Collector()
        {
            var builder = WebApplication.CreateEmptyBuilder(new());
            builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
            _application = builder.Build();
            _application.Run(async context =>
            {
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body);
                var text = Encoding.UTF8.GetString(body.ToArray());
                _received.AddOrUpdate(context.Request.Path.Value!, text, (_, before) => before + text);
            });
        }

        public Uri Address => new(_application.Urls.First() + "/");

        public IEnumerable<string> Paths => _received.Keys;

        public static async Task<Collector> StartAsync()
        {
            var collector = new Collector();
            await collector._application.StartAsync();
            return collector;
        }

        public string Received(string path) => _received.GetValueOrDefault(path, "");

        public ValueTask DisposeAsync() => _application.DisposeAsync();
    }
}
