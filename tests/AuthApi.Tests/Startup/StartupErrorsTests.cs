using AuthApi.Startup;
using AuthApi.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthApi.Tests.Startup;

/// <summary>What cannot be served stops the start, with one line that names the key.</summary>
internal sealed class StartupErrorsTests
{
    private readonly TemporaryFolder _folder = new();

    [OneTimeTearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase("--Database:Provider=Oracle", "Database:Provider")]
    [TestCase("--Sessions:IdleTimeout=soon", "Sessions:IdleTimeout")]
    [TestCase("--Sessions:IdleTimeout=30", "Sessions:IdleTimeout")]
    [TestCase("--Sessions:IdleTimeout=-00:01:00", "Sessions:IdleTimeout")]
    [TestCase("--Sessions:IdleTimeout=13:00:00", "Sessions:IdleTimeout")]
    [TestCase("--Sessions:CacheSize=0", "Sessions:CacheSize")]
    [TestCase("--Passwords:MinimumLength=3", "Passwords:MinimumLength")]
    [TestCase("--Passwords:BreachCheckUrl=http://range.example.com", "Passwords:BreachCheckUrl")]
    [TestCase("--Passwords:MaxWait=00:00:00", "Passwords:MaxWait")]
    [TestCase("--Passwords:Hashing:Passes=1", "Passwords:Hashing:Passes")]
    [TestCase("--Passwords:Hashing:MemoryKiB=9000", "Passwords:Hashing:MemoryKiB")]
    [TestCase("--Passwords:Hashing:MemoryKiB=99999999", "Passwords:Hashing:MemoryKiB")]
    [TestCase("--Passwords:Hashing:Lanes=2", "Passwords:Hashing:Lanes")]
    [TestCase("--Sessions:MaxPerUser=0", "Sessions:MaxPerUser")]
    [TestCase("--Sessions:MaxPerUser=1001", "Sessions:MaxPerUser")]
    [TestCase("--Sessions:RecentAuthentication=2.00:00:00", "Sessions:RecentAuthentication")]
    [TestCase("--Sessions:CleanupInterval=60.00:00:00", "Sessions:CleanupInterval")]
    [TestCase("--ConnectionStrings:Auth=Data Source=auth.db;Password=x", "ConnectionStrings:Auth")]
    [TestCase("--Sessions:ClearSiteData=störage", "Sessions:ClearSiteData")]
    [TestCase("--Sessions:CookieName=", "Sessions:CookieName")]
    [TestCase("--Sessions:CookieName=my session", "Sessions:CookieName")]
    [TestCase("--Sessions:CookieName=sitzung;ü", "Sessions:CookieName")]
    [TestCase("--Sessions:CookieName=__Host-session", "Sessions:CookieName")]
    [TestCase("--Sessions:CookieName=__secure-session", "Sessions:CookieName")]
    [TestCase("--Sessions:CookieSameSite=None", "Sessions:CookieSameSite")]
    [TestCase("--Sessions:CookieSameSite=never", "Sessions:CookieSameSite")]
    [TestCase("--Audit:Retention=00:00:01", "Audit:Retention")]
    [TestCase("--Logging:LogLevel:Default=loud", "Logging:LogLevel")]
    [TestCase("--urls=nonsense", "urls")]
    [TestCase("--ForwardedHeaders_Enabled=true", "ForwardedHeaders:KnownProxies")]
    [TestCase("--Swagger:Enabled=perhaps", "Swagger:Enabled")]
    [TestCase("--AccountPage:Enabled=perhaps", "AccountPage:Enabled")]
    [TestCase("--urls=http://192.0.2.1:5080", "urls")]
    [TestCase("--ForwardedHeaders:KnownProxies=everybody", "ForwardedHeaders:KnownProxies")]
    [TestCase("--ForwardedHeaders:KnownProxies=0.0.0.0/0", "ForwardedHeaders:KnownProxies")]
    [TestCase("--ForwardedHeaders:KnownProxies=0.0.0.0/1, 128.0.0.0/1", "ForwardedHeaders:KnownProxies")]
    [TestCase("--ForwardedHeaders:KnownProxies=10", "ForwardedHeaders:KnownProxies")]
    [TestCase("--AllowedHosts=", "AllowedHosts")]
    [TestCase("--AllowedHosts:0=api.example.com", "AllowedHosts")]
    [TestCase("--Passkeys:Origins=http://example.com", "Passkeys:Origins")]
    [TestCase("--Passkeys:AndroidApps=com.example.app", "Passkeys:AndroidApps")]
    [TestCase("--Passkeys:AppleApps=com.example.app", "Passkeys:AppleApps")]
    [TestCase("--Passkeys:UserVerification=discouraged", "Passkeys:UserVerification")]
    [TestCase("--Passkeys:ServerDomain=https://example.com", "Passkeys:ServerDomain")]
    [TestCase("--DataProtection:CertificatePath=/nowhere.pem", "DataProtection:CertificatePath")]
    [TestCase("--Cors:AllowedOrigins=file:///index.html", "Cors:AllowedOrigins")]
    [TestCase("--Cors:AllowedOrigins=javascript://app", "Cors:AllowedOrigins")]
    [TestCase("--AllowedHosts=https://api.example.com", "AllowedHosts")]
    [TestCase("--Cors:AllowedOrigins=*", "Cors:AllowedOrigins")]
    [TestCase("--Cors:AllowedOrigins=null", "Cors:AllowedOrigins")]
    [TestCase("--Cors:AllowedOrigins=https://*.com", "Cors:AllowedOrigins")]
    [TestCase("--ForwardedHeaders:ForwardLimit=0", "ForwardedHeaders:ForwardLimit")]
    [TestCase("--PathBase=auth", "PathBase")]
    [TestCase("--PathBase=/a//b", "PathBase")]
    [TestCase("--PathBase=/a b", "PathBase")]
    [TestCase("--PathBase=/a/../b", "PathBase")]
    [TestCase("--PathBase=https://example.com/auth", "PathBase")]
    [TestCase("--ForwardedHeaders:ForwardLimit=all", "ForwardedHeaders:ForwardLimit")]
    [TestCase("--Cors:AllowedOrigins=https://app.example.com/", "Cors:AllowedOrigins")]
    [TestCase("--Cors:AllowedOrigins=https://app.example.com:443", "Cors:AllowedOrigins")]
    [TestCase("--Cors:AllowedOrigins=https://App.example.com", "Cors:AllowedOrigins")]
    [TestCase("--Cors:AllowedOrigins=app.example.com", "Cors:AllowedOrigins")]
    [TestCase("--Email:From=nobody", "Email:From")]
    [TestCase("--Email:ProductName=", "Email:ProductName")]
    [TestCase("--Email:Smtp:Host=smtp.example.com", "Email:From", Description = "a sender that no server would take")]
    [TestCase("--Email:Smtp:Port=0", "Email:Smtp:Port")]
    [TestCase("--Email:Smtp:Security=Perhaps", "Email:Smtp:Security")]
    [TestCase("--Email:Smtp:UserName=auth", "Email:Smtp:UserName")]
    [TestCase("--Email:Smtp:Timeout=30", "Email:Smtp:Timeout")]
    [TestCase("--Email:Smtp:Server=smtp.example.com", "Email:Smtp:Server")]
    [TestCase("--Email:SmtpHost=smtp.example.com", "Email:SmtpHost")]
    [TestCase("--Mail:From=auth@example.com", "Mail")]
    [TestCase("--Accounts:PublicUrl=http://auth.example.com", "Accounts:PublicUrl")]
    [TestCase("--Accounts:RequireConfirmedEmail=perhaps", "Accounts:RequireConfirmedEmail")]
    [TestCase("--Accounts:PublicUrl=auth.example.com", "Accounts:PublicUrl")]
    [TestCase("--RateLimiting:LoginsPerMinute=0", "RateLimiting:LoginsPerMinute")]
    [TestCase("--RateLimiting:Enabled=sometimes", "RateLimiting:Enabled")]
    [TestCase("--RateLimiting:LoginPerMinute=5", "RateLimiting:LoginPerMinute")]
    [TestCase("--Cors:AllowedOrigin=https://app.example.com", "Cors:AllowedOrigin")]
    [TestCase("--urls=https://127.0.0.1:0", "Kestrel", Description = "no certificate")]
    [TestCase("--Kestrel:Endpoints:One:Url=https://127.0.0.1:0", "Kestrel")]
    [TestCase("--Kestrel:Certificates:Default:Path=/nowhere.pem", "Kestrel")]
    [TestCase("--urls=http://127.0.0.1:99999", "urls")]
    [TestCase("--urls=ftp://127.0.0.1:0", "urls")]
    [TestCase("--urls=http://127.0.0.1:0/base", "urls")]
    [TestCase("--Kestrel:Limits:RequestHeadersTimeout=30", "Kestrel:Limits:RequestHeadersTimeout")]
    [TestCase("--Kestrel:Limits:KeepAliveTimeout=120", "Kestrel:Limits:KeepAliveTimeout")]
    [TestCase("--Kestrel:Limits:Http2:KeepAlivePingDelay=30", "Kestrel:Limits:Http2:KeepAlivePingDelay")]
    [TestCase("--Kestrel:Limits:MinRequestBodyDataRate:GracePeriod=5", "Kestrel:Limits:MinRequestBodyDataRate:GracePeriod")]
    [TestCase("--Kestrel:Limits:MaxConnections=100", "Kestrel:Limits:MaxConnections")]
    [TestCase("--Metrics:Enabled=perhaps", "Metrics:Enabled")]
    [TestCase("--Metrics:Port=70000", "Metrics:Port")]
    [TestCase("--OTEL_EXPORTER_OTLP_ENDPOINT=nowhere", "OTEL_EXPORTER_OTLP_ENDPOINT")]
    [TestCase("--ConnectionStrings:Auth=Data Source=:memory:", "ConnectionStrings:Auth")]
    [TestCase("--ConnectionStrings:Auth=Nonsense=1", "ConnectionStrings:Auth")]
    [TestCase("--ConnectionStrings:Auth=Data Source=/proc/nowhere/auth.db", "ConnectionStrings:Auth")]
    [TestCase("--Database:AllowPlaintext=perhaps", "Database:AllowPlaintext")]
    public async Task An_invalid_value_stops_the_start(string argument, string key)
    {
        var (exitCode, output, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, argument);

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(output, Is.Empty, "it is said once");
        Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: ").And.Contain(key));
        Assert.That(error, Does.Not.Contain("DataAnnotation"));
    }

    [TestCase("", "is missing")]
    [TestCase("Data Source=data/auth.db", "not a PostgreSQL connection string")]
    [TestCase("Host=127.0.0.1;Nonsense=1", "not a PostgreSQL connection string")]
    [TestCase("Database=authapi;Username=authapi", "names no Host")]
    [TestCase("Host=127.0.0.1;Username=authapi", "names no Database")]
    [TestCase("Host=192.0.2.1;Database=authapi", "without TLS", Description = "prefers TLS, and takes none")]
    [TestCase("Host=localhost,db.example.com;Database=authapi;SSL Mode=Disable", "Database:AllowPlaintext")]
    [TestCase("Host=127.0.0.1;Port=1;Database=authapi", "127.0.0.1:1/authapi", Description = "nobody listens there")]
    [TestCase("Host=127.0.0.1:1,localhost:2,[::1]:3;Database=authapi", "cannot be used", Description = "nobody listens there")]
    [TestCase("Host=localhost.example.com:5432;Database=authapi", "without TLS")]
    public async Task A_string_that_is_no_PostgreSQL_servers_stops_the_start(string connectionString, string reason)
    {
        var (exitCode, output, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, "--Database:Provider=PostgreSql", $"--ConnectionStrings:Auth={connectionString}");

        Assert.That((exitCode, output), Is.EqualTo((1, "")), error);
        Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: ConnectionStrings:Auth ").And.Contain(reason));
    }

    [Test]
    public async Task A_process_that_does_not_start_says_why_in_one_line()
    {
        var (exitCode, output, error) = await RunningProgram.RunAloneAsync(_folder.Path, "--urls", "http://127.0.0.1:0", "--Sessions:IdleTimeout=soon");

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(output, Is.Empty);
        Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: ").And.Contain("Sessions:IdleTimeout"));
    }

    [Test]
    public async Task A_start_that_is_cancelled_exits_with_1()
    {
        Assert.That(await RunAsync(new Failing(start: new OperationCanceledException())), Is.EqualTo(1));
    }

    [Test]
    public void A_later_FormatException_is_not_blamed_on_urls()
    {
        Assert.That(async () => await RunAsync(new Failing(stop: new FormatException())), Throws.InstanceOf<FormatException>());
    }

    [Test]
    public void A_FormatException_of_a_service_is_not_blamed_on_urls()
    {
        Assert.That(async () => await RunAsync(new Failing(start: new FormatException())), Throws.InstanceOf<FormatException>());
    }

    [TestCase("Session", "Sessions")]
    [TestCase("Cor", "Cors")]
    [TestCase("RateLimit", "RateLimiting")]
    [TestCase("RateLimits", "RateLimiting")]
    [TestCase("passwrods", "Passwords")]
    [TestCase("ConnectionString", "ConnectionStrings")]
    public async Task A_mistyped_section_stops_the_start(string section, string meant)
    {
        var (exitCode, _, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, $"--{section}:Anything=1");

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(error.TrimEnd(), Is.EqualTo($"AuthApi does not start: {section} is no section; {meant} is."));
    }

    [TestCase("--Data:Directory=x")]
    [TestCase("--Session=plasma")]
    [TestCase("--Serilog:MinimumLevel=Debug")]
    public async Task A_section_of_another_program_does_not(string argument)
    {
        var (_, _, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, argument, "--urls=nonsense");

        Assert.That(error, Does.StartWith("AuthApi does not start: urls"));
    }

    [TestCase("Metrics:Port", "--Metrics:Enabled=true", "--Metrics:Port=1")]
    [TestCase("OTEL_EXPORTER_OTLP_PROTOCOL", "--OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", "--OTEL_EXPORTER_OTLP_PROTOCOL=smoke")]
    public async Task A_contradicting_setting_stops_the_start(string key, params string[] arguments)
    {
        var (exitCode, _, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, arguments);

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(error, Does.StartWith($"AuthApi does not start: {key} "));
    }

    [TestCase("Urls", "--environment=Production")]
    [TestCase("Urls", "--environment=Production", "--urls=https://127.0.0.1:0", "--Kestrel:Endpoints:Plain:Url=http://127.0.0.1:0")]
    [TestCase("Urls", "--environment=Production", "--urls=", "--http_ports=0")]
    [TestCase("Cors:AllowedOrigins", "--environment=Production", "--ForwardedHeaders:KnownProxies=127.0.0.1", "--Cors:AllowedOrigins=http://app.example.com")]
    public async Task An_insecure_setting_stops_the_start_outside_Development(string key, params string[] arguments)
    {
        var (exitCode, _, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, arguments);

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), error);
        Assert.That(error, Does.StartWith($"AuthApi does not start: {key} "));
    }

    [Test]
    public async Task A_list_that_is_set_twice_stops_the_start()
    {
        var (exitCode, _, error) = await ProgramInProcess.RunToEndAsync(
            _folder.Path, "--Cors:AllowedOrigins:0=https://old.example.com", "--Cors:AllowedOrigins=https://new.example.com");

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: Cors:AllowedOrigins is set twice"));
    }

    [Test]
    public async Task Every_wrong_value_is_named()
    {
        var (exitCode, _, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, "--Sessions:IdleTimeout=00:00:00", "--Passwords:MinimumLength=1");

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1), error);
        Assert.That(error, Does.Contain("Sessions:IdleTimeout").And.Contain("Passwords:MinimumLength"));
    }

    [Test]
    public async Task A_file_that_is_no_database_stops_the_start()
    {
        var novel = Path.Combine(_folder.Path, "novel.txt");
        await File.WriteAllTextAsync(novel, new string('x', 8_192));

        var (exitCode, _, error) = await ProgramInProcess.RunToEndAsync(_folder.Path, $"--ConnectionStrings:Auth=Data Source={novel}");

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: ConnectionStrings:Auth").And.Contain("not a database"));
    }

    [Test]
    public async Task A_served_file_that_is_gone_is_not_replaced_by_an_empty_one()
    {
        await using (var first = await RunningProgram.StartAsync(_folder.Path, "--ConnectionStrings:Auth=Data Source=lost.db"))
        {
            await first.KillAsync();
        }

        File.Delete(Path.Combine(_folder.Path, "lost.db"));

        var (exitCode, error) = await RunningProgram.RunToEndAsync(_folder.Path, "--ConnectionStrings:Auth=Data Source=lost.db");

        Assert.That(exitCode, Is.EqualTo(1), error);
        Assert.That(error, Does.Contain("ConnectionStrings:Auth").And.Contain("is gone"));
        Assert.That(File.Exists(Path.Combine(_folder.Path, "lost.db")), Is.False);
    }

    [Test]
    public async Task A_second_process_does_not_serve_the_same_file()
    {
        await using var first = await RunningProgram.StartAsync(_folder.Path);

        File.CreateSymbolicLink(Path.Combine(_folder.Path, "link.db"), Path.Combine("data", "auth.db"));
        foreach (var file in new[] { "data/auth.db", "link.db" })
        {
            var (exitCode, error) = await RunningProgram.RunToEndAsync(_folder.Path, $"--ConnectionStrings:Auth=Data Source={file}");

            Assert.That(exitCode, Is.EqualTo(1), error);
            Assert.That(error, Does.Contain("ConnectionStrings:Auth").And.Contain("One process at a time"));
        }
    }

    // A program of one service that ends as soon as it has started.
    private static Task<int> RunAsync(IHostedService service) => StartupErrors.RunAsync(() =>
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton(service);
        var app = builder.Build();
        app.Lifetime.ApplicationStarted.Register(app.Lifetime.StopApplication);
        return Task.FromResult(app);
    });

    private sealed class Failing(Exception? start = null, Exception? stop = null) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => start is null ? Task.CompletedTask : Task.FromException(start);

        public Task StopAsync(CancellationToken cancellationToken) => stop is null ? Task.CompletedTask : Task.FromException(stop);
    }
}
