using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using AuthApi.Accounts;
using AuthApi.Identity;
using AuthApi.Mail;
using AuthApi.Passwords;
using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using AuthApi.Storage;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using MimeKit;
using Npgsql;

namespace AuthApi.Tests.Harness;

/// <summary>
/// The whole application over a real database of its own, an SQLite file by default, with a clock that tests set. Only the cost of a password hash
/// is less than the product's.
/// </summary>
internal sealed class AuthApiApplication : WebApplicationFactory<Program>
{
    private readonly TemporaryFolder _folder = new();
    private readonly Action<IServiceCollection> _replace;
    private readonly Dictionary<string, string?> _settings;
    private readonly string _environment;
    private readonly bool _kestrel;
    private readonly bool _migrated;
    private readonly TestedStore _store;
    private string? _connectionString;
    private string? _ownDatabase;

    /// <param name="replace">Services to put in place of the product's.</param>
    /// <param name="settings">Configuration, as on the command line.</param>
    /// <param name="environment">The environment to run in.</param>
    /// <param name="kestrel">Whether to listen on a real socket of 127.0.0.1, which knows limits and clients that hang up.</param>
    /// <param name="migrated">Whether it finds its tables made, in a copy of <see cref="MigratedDatabase"/>; else it starts without a file. On PostgreSQL it always does.</param>
    /// <param name="store">The kind of the database. A test is skipped where it is PostgreSQL and that is not installed.</param>
    public AuthApiApplication(
        Action<IServiceCollection>? replace = null,
        Dictionary<string, string?>? settings = null,
        string environment = "Development",
        bool kestrel = false,
        bool migrated = true,
        TestedStore store = TestedStore.Sqlite)
    {
        store.Require();
        _store = store;
        _replace = replace ?? (_ => { });
        _settings = settings ?? [];
        _environment = environment;
        _kestrel = kestrel;
        _migrated = migrated;
        if (kestrel)
        {
            // An endpoint, and not a port: the factory would set that while the program may already be starting to listen.
            UseKestrel(options => options.Listen(IPAddress.Loopback, 0));
        }
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));

    public string DatabaseFile => Path.Combine(_folder.Path, "data", "auth.db");

    /// <summary>Where messages are written, in a test that sets no mail server.</summary>
    public string MailFolder => Path.Combine(_folder.Path, "mail");

    /// <summary>Waits for the next message to an address with these words in its subject. Each is returned once.</summary>
    public async Task<MimeMessage> NextMailAsync(string to, string subject)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            foreach (var file in Directory.Exists(MailFolder) ? Directory.GetFiles(MailFolder, "*.eml").Order(StringComparer.Ordinal).ToArray() : [])
            {
                var message = await MimeMessage.LoadAsync(file, limit.Token);
                if (message.To.ToString() == to && message.Subject!.Contains(subject, StringComparison.Ordinal))
                {
                    File.Delete(file);
                    return message;
                }
            }

            // It is written by workers, which may have met a busy store.
            Time.Advance(TimeSpan.FromMilliseconds(20));
            await Task.Delay(20, limit.Token);
        }
    }

    /// <summary>The code alone on a line of the next message.</summary>
    public async Task<string> NextCodeAsync(string to = "ada@example.com", string subject = "set a new password") =>
        (await NextMailAsync(to, subject)).TextBody!.Split('\n').Select(line => line.Trim()).Single(line => Regex.IsMatch(line, "^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$"));

    /// <summary>Waits until everybody who asked for a code has been served, and all messages are written.</summary>
    public async Task MailIsQuietAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await QueryAsync(async context => await context.Set<CodeRequest>().AnyAsync() || await context.Set<MailMessage>().AnyAsync()))
        {
            Time.Advance(TimeSpan.FromMilliseconds(20));
            await Task.Delay(20, limit.Token);
        }
    }

    /// <summary>A client that knows nothing of this application yet, over HTTPS by default.</summary>
    public Browser NewBrowser(string scheme = "https", SessionTransport transport = SessionTransport.Cookie)
    {
        if (_kestrel)
        {
            StartServer();
            return new Browser(
                new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = ClientOptions.BaseAddress },
                transport);
        }

        var client = Server.CreateClient();
        client.BaseAddress = new Uri($"{scheme}://localhost");
        return new Browser(client, transport);
    }

    /// <summary>A client in which a new user has registered and logged in.</summary>
    public async Task<Browser> NewLoggedInBrowserAsync(string email = "ada@example.com", SessionTransport transport = SessionTransport.Cookie)
    {
        var browser = NewBrowser(transport: transport);
        await browser.RegisterAsync(email);
        await browser.LogInAsync(email);
        return browser;
    }

    public async Task<TResult> QueryAsync<TResult>(Func<AuthDbContext, Task<TResult>> query)
    {
        await using var context = await Services.GetRequiredService<IDbContextFactory<AuthDbContext>>().CreateDbContextAsync();
        return await query(context);
    }

    // The user's id is in the database in the type of their key.
    public Task<List<UserSession>> StoredSessionsAsync() => QueryAsync(async context =>
        (await context.Set<UserSession>().AsNoTracking().Select(session => new { session, UserId = EF.Property<int>(session, "UserKey") }).ToListAsync())
            .ConvertAll(row => row.session with { UserId = row.UserId.ToString(CultureInfo.InvariantCulture) }));

    public Task<List<string>> EventsAsync(int userId) => QueryAsync(context => context.Set<AuditEntry>()
        .Where(entry => EF.Property<int?>(entry, "UserKey") == userId).OrderBy(entry => entry.Id).Select(entry => entry.Event).ToListAsync());

    /// <summary>Completes when what a login needs is loaded, which takes a hash.</summary>
    public Task WaitForWarmUpAsync() => Services.GetServices<IHostedService>().OfType<AccountsWarmUp>().Single().ExecuteTask!;

    /// <summary>Does something as a request would, with scoped services.</summary>
    public async Task WithScopeAsync(Func<IServiceProvider, Task> action)
    {
        await using var scope = Services.CreateAsyncScope();
        await action(scope.ServiceProvider);
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        var connectionString = $"Data Source={DatabaseFile}";
        if (_store == TestedStore.PostgreSql)
        {
            _ownDatabase = _settings.ContainsKey("ConnectionStrings:Auth") ? null : MigratedDatabase.TakeOnServer();
            connectionString = _ownDatabase;
        }

        // A file that a test has put there stays.
        if (_store == TestedStore.Sqlite && _migrated && !File.Exists(DatabaseFile))
        {
            MigratedDatabase.CopyTo(DatabaseFile);
        }

        builder.UseEnvironment(_environment);

        // No test changes appsettings.json, and each application would watch it.
        builder.UseSetting("hostBuilder:reloadConfigOnChange", "false");
        builder.UseSetting("Database:Provider", _store.ToString());
        builder.UseSetting("ConnectionStrings:Auth", connectionString);
        builder.UseSetting("Email:PickupDirectory", MailFolder);

        // All clients of a test come from one address; the tests of the limits switch them on.
        builder.UseSetting("RateLimiting:Enabled", "false");

        // Where the test server stands in for Kestrel, this says no more than that there would be HTTPS outside Development.
        builder.UseSetting("urls", "https://localhost");
        foreach (var (key, value) in _settings)
        {
            builder.UseSetting(key, value);
        }

        builder.ConfigureLogging(logging => logging.ClearProviders());
        builder.ConfigureTestServices(services =>
        {
            services.Replace(ServiceDescriptor.Singleton<TimeProvider>(Time));
            services.Replace(ServiceDescriptor.Singleton<IPasswordHasher<ApplicationUser>>(new Argon2PasswordHasher(memoryKiB: 8, passes: 1)));
            _replace(services);
        });
    }

    protected override IHost CreateHost(IHostBuilder builder)
    {
        var host = base.CreateHost(builder);
        _connectionString = _store == TestedStore.PostgreSql
            ? host.Services.GetRequiredService<PostgreSqlStorage>().ConnectionString
            : host.Services.GetRequiredService<SqliteDatabase>().ConnectionString;
        return host;
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_connectionString is not null)
        {
            await ClearPoolAsync(_connectionString);
        }

        _folder.Dispose();
    }

    // Its own only: another fixture may be running at the same time.
    private async Task ClearPoolAsync(string connectionString)
    {
        if (_store == TestedStore.PostgreSql)
        {
            await using var connection = new NpgsqlConnection(connectionString);
            NpgsqlConnection.ClearPool(connection);
            if (_ownDatabase is not null)
            {
                await MigratedDatabase.GiveBackAsync(connection.Database);
            }
        }
        else
        {
            await using var connection = new SqliteConnection(connectionString);
            SqliteConnection.ClearPool(connection);
        }
    }
}
