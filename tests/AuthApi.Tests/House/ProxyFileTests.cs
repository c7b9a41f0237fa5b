using System.Text.Json.Nodes;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.House;

/// <summary>deploy/nginx.conf and deploy/Caddyfile in Debian's nginx and Caddy, on this machine's loopback, before the program in Production.</summary>
internal sealed class ProxyFileTests
{
    private static readonly string NginxBlock = File.ReadAllText(Path.Combine(Repository.Root, "deploy", "nginx.conf"));
    private static readonly string CaddyBlock = File.ReadAllText(Path.Combine(Repository.Root, "deploy", "Caddyfile"));


    private TemporaryFolder _folder = null!;
    private LogLines _log = null!;
    private AuthApiApplication _application = null!;
    private Browser _behind = null!;

    [SetUp]
    public void StartTheProgram()
    {
        if (!File.Exists("/usr/bin/curl"))
        {
            Needs.Missing("curl");
        }

        _folder = new TemporaryFolder();
        _log = new LogLines();
        _application = new AuthApiApplication(
            services => services.AddSingleton<ILoggerProvider>(_log).AddSingleton<IStartupFilter>(new PrefixHeader()),
            new() { ["ForwardedHeaders:KnownProxies"] = "127.0.0.1", ["Swagger:Enabled"] = "true" },
            "Production",
            kestrel: true);
        _behind = _application.NewBrowser();
    }

    [TearDown]
    public async Task EndTheProgram()
    {
        _behind.Dispose();
        await _application.DisposeAsync();
        _log.Dispose();
        _folder.Dispose();
    }

    [TestCase("nginx", "--http1.1", "-X", "POST", Description = "without Content-Length")]
    [TestCase("nginx", "--http1.1", "-d", "")]
    [TestCase("nginx", "--http2", "-X", "POST")]
    [TestCase("nginx", "--http2", "-d", "")]
    [TestCase("Caddy", "--http1.1", "-X", "POST")]
    [TestCase("Caddy", "--http2", "-X", "POST")]
    public async Task Logout_works_behind_the_proxy(string name, params string[] how)
    {
        await using var proxy = await StartAsync(name);
        var token = await proxy.LogInAsync();

        var (status, body) = await proxy.CurlAsync("/logout/", [.. how, "-H", $"Authorization: Session {token}"]);

        Assert.That((status, body), Is.EqualTo((200, """{"message":"Logout successful. User id: 1"}""")));
        (status, _) = await proxy.CurlAsync("/me/", "-H", $"Authorization: Session {token}");
        Assert.That(status, Is.EqualTo(401));
        Assert.That(_log.Of("ServerRejectionLog"), Is.Empty);
    }

    [Test]
    public async Task Without_http11_the_log_names_the_cause_and_the_remedy()
    {
        var stock = string.Join('\n', NginxBlock.Split('\n').Where(line => !line.Contains("proxy_http_version", StringComparison.Ordinal)));
        await using var nginx = await Proxy.StartNginxAsync(_folder.Path, stock, _behind.Address.Port);
        var token = await nginx.LogInAsync();

        for (var i = 0; i < 3; i++)
        {
            var (refused, empty) = await nginx.CurlAsync("/logout/", "-X", "POST", "-H", $"Authorization: Session {token}");
            Assert.That((refused, empty), Is.EqualTo((400, "")));
        }

        Assert.That(_log.Of("ServerRejectionLog").Single(), Does.Contain("Content-Length").And.Contain("127.0.0.1").And.Contain("proxy_http_version 1.1"));
        var (status, _) = await nginx.CurlAsync("/logout/", "-d", "", "-H", $"Authorization: Session {token}");
        Assert.That(status, Is.EqualTo(200), "-d '' sends Content-Length: 0");
    }

    [TestCase("nginx")]
    [TestCase("Caddy")]
    public async Task What_a_client_forwards_is_not_passed_on(string name)
    {
        await using var proxy = await StartAsync(name);
        await proxy.LogInAsync();

        var (status, body) = await proxy.CurlAsync(
            "/login/", "-H", "X-Forwarded-For: 203.0.113.9", "-H", "X-Forwarded-Proto: http", "--json", Proxy.Login);

        Assert.That(status, Is.EqualTo(200));
        Assert.That(JsonNode.Parse(body)!["session"]!["ipAddress"]!.GetValue<string>(), Is.EqualTo("127.0.0.1"));
        (_, body) = await proxy.CurlAsync("/me/", "-i", "-H", "X-Forwarded-Prefix: /evil");
        Assert.That(body, Does.Contain($"{PrefixHeader.Name}: []").IgnoreCase);
    }

    [Test]
    public async Task The_nginx_block_works_under_a_path_as_its_comment_says()
    {
        var block = Proxy.Replace(NginxBlock, "location / {", "location /auth/ {");
        block = Proxy.Replace(block, "proxy_pass http://authapi;", "proxy_pass http://authapi/;");
        block = Proxy.Replace(block, "X-Forwarded-Prefix \"\"", "X-Forwarded-Prefix /auth");
        await using var nginx = await Proxy.StartNginxAsync(_folder.Path, block, _behind.Address.Port);

        var (status, _) = await nginx.CurlAsync("/auth/logout/", "-X", "POST");
        var (_, answer) = await nginx.CurlAsync("/auth/me/", "-i");

        Assert.That(status, Is.EqualTo(401));
        Assert.That(answer, Does.Contain($"{PrefixHeader.Name}: [/auth]").IgnoreCase);
    }

    [TestCase("nginx")]
    [TestCase("Caddy")]
    public async Task A_page_of_the_own_origin_passes_at_the_proxys_port(string name)
    {
        await using var proxy = await StartAsync(name);
        var token = await proxy.LogInAsync();

        var (refused, _) = await proxy.CurlAsync("/logout/", "-d", "", "-H", $"Authorization: Session {token}", "-H", "Origin: https://localhost");
        var (status, _) = await proxy.CurlAsync("/logout/", "-d", "", "-H", $"Authorization: Session {token}", "-H", $"Origin: {proxy.Origin}");

        Assert.That((refused, status), Is.EqualTo((403, 200)), "the port is part of an origin");
    }

    [Test]
    public async Task Metrics_are_not_passed_on([Values("nginx", "Caddy")] string name, [Values("/metrics", "/METRICS", "/%4d%65trics")] string path)
    {
        await using var proxy = await StartAsync(name);

        var (status, body) = await proxy.CurlAsync(path);

        Assert.That(status, Is.EqualTo(404));
        Assert.That(body, Does.Not.Contain("not_found"), "the program's own 404");
    }

    private Task<Proxy> StartAsync(string name) => name == "Caddy"
        ? Proxy.StartCaddyAsync(_folder.Path, CaddyBlock, _behind.Address.Port)
        : Proxy.StartNginxAsync(_folder.Path, NginxBlock, _behind.Address.Port);

    /// <summary>Shows the path prefix that the program knows in a header of each answer.</summary>
    private sealed class PrefixHeader : IStartupFilter
    {
        public const string Name = "X-Known-Prefix";

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => application =>
        {
            application.Use((context, rest) =>
            {
                context.Response.OnStarting(() =>
                {
                    context.Response.Headers[Name] = $"[{context.Request.PathBase}]";
                    return Task.CompletedTask;
                });
                return rest(context);
            });
            next(application);
        };
    }
}
