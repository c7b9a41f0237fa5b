using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
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

    /// <summary>A proxy of this machine, as the user that runs the tests.</summary>
    private sealed class Proxy : IAsyncDisposable
    {
        public const string Login = $$"""{"email":"ada@example.com","password":"{{Browser.Password}}","transport":"header"}""";

        private const string NginxProgram = "/usr/sbin/nginx";
        private const string CaddyProgram = "/usr/bin/caddy";

        private readonly Process _process;

        private Proxy(Process process, int port)
        {
            _process = process;
            Origin = $"https://localhost:{port}";
        }

        public string Origin { get; }

        /// <summary>Starts nginx with the block, its addresses and files changed to these.</summary>
        public static async Task<Proxy> StartNginxAsync(string folder, string block, int upstream)
        {
            if (!File.Exists(NginxProgram))
            {
                Needs.Missing("nginx (on Debian: apt-get install nginx-light)");
            }

            var port = FreePort();
            WriteCertificate(folder);
            var site = Replace(block, "listen 443 ssl http2;", $"listen 127.0.0.1:{port} ssl http2;");
            site = Replace(site, "server 127.0.0.1:5080;", $"server 127.0.0.1:{upstream};");
            site = Replace(site, "/etc/authapi/tls.pem", Path.Combine(folder, "tls.pem"));
            site = Replace(site, "/etc/authapi/tls.key", Path.Combine(folder, "tls.key"));
            var kinds = string.Concat(new[] { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" }.Select(kind => $"{kind}_temp_path {folder}/{kind};\n"));
            var file = Path.Combine(folder, "nginx.conf");
            await File.WriteAllTextAsync(file, $$"""
                daemon off;
                worker_processes 1;
                pid {{folder}}/nginx.pid;
                error_log stderr;
                events {}
                http {
                access_log off;
                {{kinds}}
                {{site}}
                }
                """);
            return await StartAsync(NginxProgram, ["-e", "stderr", "-p", folder, "-c", file], folder, port);
        }

        /// <summary>Starts Caddy with the file, its addresses changed to these, a certificate of its own, and no way to change it while it runs.</summary>
        public static async Task<Proxy> StartCaddyAsync(string folder, string block, int upstream)
        {
            if (!File.Exists(CaddyProgram))
            {
                Needs.Missing("Caddy (on Debian: apt-get install caddy)");
            }

            var port = FreePort();
            WriteCertificate(folder);
            var site = Replace(block, "api.example.com {", $"https://localhost:{port} {{\nbind 127.0.0.1\ntls {folder}/tls.pem {folder}/tls.key");
            site = Replace(site, "127.0.0.1:5080 {", $"127.0.0.1:{upstream} {{");
            var file = Path.Combine(folder, "Caddyfile");
            await File.WriteAllTextAsync(file, $"{{\nadmin off\nauto_https disable_redirects\nskip_install_trust\n}}\n{site}");
            return await StartAsync(CaddyProgram, ["run", "--config", file, "--adapter", "caddyfile"], folder, port);
        }

        private static async Task<Proxy> StartAsync(string program, string[] arguments, string folder, int port)
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
            (start.Environment["HOME"], start.Environment["XDG_DATA_HOME"], start.Environment["XDG_CONFIG_HOME"]) = (folder, folder, folder);
            var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            var proxy = new Proxy(process, port);
            for (var i = 0; i < 100 && !process.HasExited; i++)
            {
                using var client = new TcpClient();
                try
                {
                    await client.ConnectAsync(IPAddress.Loopback, port);
                    return proxy;
                }
                catch (SocketException)
                {
                    await Task.Delay(50);
                }
            }

            await proxy.DisposeAsync();
            throw new InvalidOperationException($"{program} did not start: {await errors}");
        }

        /// <summary>Registers Ada where she is not known yet, and returns the token of a session of hers.</summary>
        public async Task<string> LogInAsync()
        {
            await CurlAsync("/register/", "--json", $$"""{"email":"ada@example.com","password":"{{Browser.Password}}"}""");
            var (status, body) = await CurlAsync("/login/", "--json", Login);
            Assert.That(status, Is.EqualTo(200), body);
            return JsonNode.Parse(body)!["sessionToken"]!.GetValue<string>();
        }

        /// <returns>The status and the body of the answer.</returns>
        public async Task<(int Status, string Body)> CurlAsync(string path, params string[] arguments)
        {
            var output = await Tool.RunAsync(Path.GetTempPath(), "curl", ["-sk", "--max-time", "20", "-w", "\n%{http_code}", .. arguments, Origin + path]);
            var end = output.LastIndexOf('\n');
            return (int.Parse(output[(end + 1)..], CultureInfo.InvariantCulture), output[..end]);
        }

        public async ValueTask DisposeAsync()
        {
            // The master ends its worker; SIGKILL would leave that behind.
            if (!_process.HasExited)
            {
                using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
                await kill.WaitForExitAsync();
            }

            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        public static string Replace(string text, string old, string now)
        {
            Assert.That(text, Does.Contain(old));
            return text.Replace(old, now, StringComparison.Ordinal);
        }

        private static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        private static void WriteCertificate(string folder)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
            var now = TimeProvider.System.GetUtcNow();
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName("localhost");
            request.CertificateExtensions.Add(names.Build());
            using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
            File.WriteAllText(Path.Combine(folder, "tls.pem"), certificate.ExportCertificatePem());
            File.WriteAllText(Path.Combine(folder, "tls.key"), key.ExportPkcs8PrivateKeyPem());
        }
    }
}
