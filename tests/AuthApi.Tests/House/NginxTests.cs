using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using AuthApi.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.House;

/// <summary>deploy/nginx.conf in Debian's nginx on this machine's loopback, before the program in Production.</summary>
internal sealed class NginxTests
{
    private static readonly string Block = File.ReadAllText(Path.Combine(Repository.Root, "deploy", "nginx.conf"));

    private TemporaryFolder _folder = null!;
    private LogLines _log = null!;
    private AuthApiApplication _application = null!;
    private Browser _behind = null!;

    [SetUp]
    public void StartTheProgram()
    {
        if (!File.Exists(Nginx.Program))
        {
            Needs.Missing("nginx (on Debian: apt-get install nginx-light)");
        }

        if (!File.Exists("/usr/bin/curl"))
        {
            Needs.Missing("curl");
        }

        _folder = new TemporaryFolder();
        _log = new LogLines();
        _application = new AuthApiApplication(
            services => services.AddSingleton<ILoggerProvider>(_log),
            new() { ["ForwardedHeaders:KnownProxies"] = "127.0.0.1" },
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

    [TestCase("--http1.1", "-X", "POST", Description = "without Content-Length")]
    [TestCase("--http1.1", "-d", "")]
    [TestCase("--http2", "-X", "POST")]
    [TestCase("--http2", "-d", "")]
    public async Task Logout_works_behind_the_nginx_block(params string[] how)
    {
        await using var nginx = await Nginx.StartAsync(_folder.Path, Block, _behind.Address.Port);
        var token = await nginx.LogInAsync();

        var (status, body) = await nginx.CurlAsync("/logout/", [.. how, "-H", $"Authorization: Session {token}"]);

        Assert.That((status, body), Is.EqualTo((200, """{"message":"Logout successful. User id: 1"}""")));
        (status, _) = await nginx.CurlAsync("/me/", "-H", $"Authorization: Session {token}");
        Assert.That(status, Is.EqualTo(401));
        Assert.That(_log.Of("ServerRejectionLog"), Is.Empty);
    }

    [Test]
    public async Task Without_http11_the_log_names_the_cause_and_the_remedy()
    {
        var stock = string.Join('\n', Block.Split('\n').Where(line => !line.Contains("proxy_http_version", StringComparison.Ordinal)));
        await using var nginx = await Nginx.StartAsync(_folder.Path, stock, _behind.Address.Port);
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

    [Test]
    public async Task What_a_client_forwards_is_not_passed_on()
    {
        await using var nginx = await Nginx.StartAsync(_folder.Path, Block, _behind.Address.Port);
        await nginx.LogInAsync();

        var (status, body) = await nginx.CurlAsync(
            "/login/", "-H", "X-Forwarded-For: 203.0.113.9", "-H", "X-Forwarded-Proto: http", "-H", "X-Forwarded-Prefix: /evil", "--json", Nginx.Login);

        Assert.That(status, Is.EqualTo(200));
        Assert.That(JsonNode.Parse(body)!["session"]!["ipAddress"]!.GetValue<string>(), Is.EqualTo("127.0.0.1"));
    }

    [Test]
    public async Task A_page_of_the_own_origin_passes_behind_nginx_at_its_port()
    {
        await using var nginx = await Nginx.StartAsync(_folder.Path, Block, _behind.Address.Port);
        var token = await nginx.LogInAsync();

        var (refused, _) = await nginx.CurlAsync("/logout/", "-d", "", "-H", $"Authorization: Session {token}", "-H", "Origin: https://127.0.0.1");
        var (status, _) = await nginx.CurlAsync("/logout/", "-d", "", "-H", $"Authorization: Session {token}", "-H", $"Origin: {nginx.Origin}");

        Assert.That((refused, status), Is.EqualTo((403, 200)), "the port is part of an origin");
    }

    [TestCase("/metrics")]
    [TestCase("/METRICS")]
    [TestCase("/%4d%65trics")]
    public async Task Metrics_are_not_passed_on(string path)
    {
        await using var nginx = await Nginx.StartAsync(_folder.Path, Block, _behind.Address.Port);

        var (status, body) = await nginx.CurlAsync(path);

        Assert.That(status, Is.EqualTo(404));
        Assert.That(body, Does.Contain("nginx"), "not from the program");
    }

    /// <summary>Debian's nginx, as the user that runs the tests.</summary>
    private sealed class Nginx : IAsyncDisposable
    {
        public const string Program = "/usr/sbin/nginx";
        public const string Login = $$"""{"email":"ada@example.com","password":"{{Browser.Password}}","transport":"header"}""";

        private readonly Process _process;

        private Nginx(Process process, int port)
        {
            _process = process;
            Origin = $"https://127.0.0.1:{port}";
        }

        public string Origin { get; }

        /// <summary>Starts nginx with the block, its addresses and files changed to these.</summary>
        public static async Task<Nginx> StartAsync(string folder, string block, int upstream)
        {
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
            var process = Process.Start(new ProcessStartInfo(Program, ["-e", "stderr", "-p", folder, "-c", file]) { RedirectStandardError = true })!;
            var nginx = new Nginx(process, port);
            for (var i = 0; i < 100 && !process.HasExited; i++)
            {
                using var client = new TcpClient();
                try
                {
                    await client.ConnectAsync(IPAddress.Loopback, port);
                    return nginx;
                }
                catch (SocketException)
                {
                    await Task.Delay(50);
                }
            }

            throw new InvalidOperationException("nginx did not start: " + (process.HasExited ? await process.StandardError.ReadToEndAsync() : "it does not listen"));
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

        private static string Replace(string text, string old, string now)
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
            var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
            var now = TimeProvider.System.GetUtcNow();
            using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
            File.WriteAllText(Path.Combine(folder, "tls.pem"), certificate.ExportCertificatePem());
            File.WriteAllText(Path.Combine(folder, "tls.key"), key.ExportPkcs8PrivateKeyPem());
        }
    }
}
