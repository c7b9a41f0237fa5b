using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using AuthApi.Tests.House;

namespace AuthApi.Tests.Harness;

/// <summary>A proxy of this machine, as the user that runs the tests.</summary>
internal sealed class Proxy : IAsyncDisposable
{
    public const string Login = $$"""{"email":"ada@example.com","password":"{{Browser.Password}}","transport":"header"}""";

    private const string NginxProgram = "/usr/sbin/nginx";
    private const string CaddyProgram = "/usr/bin/caddy";

    private readonly Process _process;
    private readonly ReservedPort _port;

    private Proxy(Process process, ReservedPort port)
    {
        (_process, _port) = (process, port);
        Origin = $"https://localhost:{port.Number}";
    }

    public string Origin { get; }

    /// <summary>Starts nginx with the block, its addresses and files changed to these.</summary>
    public static Task<Proxy> StartNginxAsync(string folder, string block, int upstream) =>
        StartNginxAsync(folder, block, [("server 127.0.0.1:5080;", $"server 127.0.0.1:{upstream};")]);

    /// <summary>Starts nginx with deploy/nginx-nodes.conf before these two nodes.</summary>
    public static async Task<Proxy> StartNodesAsync(string folder, Uri first, Uri second)
    {
        var block = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "nginx-nodes.conf"));
        return await StartNginxAsync(folder, block, [("server node1:8080 ", $"server {first.Authority} "), ("server node2:8080 ", $"server {second.Authority} ")]);
    }

    private static async Task<Proxy> StartNginxAsync(string folder, string block, (string Old, string Now)[] upstreams)
    {
        if (!File.Exists(NginxProgram))
        {
            Needs.Missing("nginx (on Debian: apt-get install nginx-light)");
        }

        var port = new ReservedPort();
        WriteCertificate(folder);
        var site = Replace(block, "listen 443 ssl http2;", $"listen 127.0.0.1:{port.Number} ssl http2;");
        foreach (var (old, now) in upstreams)
        {
            site = Replace(site, old, now);
        }

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

        var port = new ReservedPort();
        WriteCertificate(folder);
        var site = Replace(block, "api.example.com {", $"https://localhost:{port.Number} {{\nbind 127.0.0.1\ntls {folder}/tls.pem {folder}/tls.key");
        site = Replace(site, "127.0.0.1:5080 {", $"127.0.0.1:{upstream} {{");
        var file = Path.Combine(folder, "Caddyfile");
        await File.WriteAllTextAsync(file, $"{{\nadmin off\nauto_https disable_redirects\nskip_install_trust\n}}\n{site}");
        return await StartAsync(CaddyProgram, ["run", "--config", file, "--adapter", "caddyfile"], folder, port);
    }

    private static async Task<Proxy> StartAsync(string program, string[] arguments, string folder, ReservedPort port)
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
                await client.ConnectAsync(IPAddress.Loopback, port.Number);
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
        _port.Dispose();
    }

    public static string Replace(string text, string old, string now)
    {
        Assert.That(text, Does.Contain(old));
        return text.Replace(old, now, StringComparison.Ordinal);
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
