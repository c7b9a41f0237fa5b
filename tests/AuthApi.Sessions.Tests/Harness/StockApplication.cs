using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace AuthApi.Sessions.Tests;

/// <summary>Where an application of a test stores its sessions.</summary>
public enum TestedStore
{
    /// <summary>In an SQLite file of its own.</summary>
    Sqlite,

    /// <summary>In a database of its own on a PostgreSQL server.</summary>
    PostgreSql,
}

/// <summary>What a test changes of an application.</summary>
internal sealed record AppSetup
{
    /// <summary>With the framework's exception handler, as most applications have it.</summary>
    public static AppSetup WithExceptionHandler => new()
    {
        Services = services => services.AddProblemDetails(),
        Pipeline = application => application.UseExceptionHandler(),
    };

    /// <summary>Registers Identity and sessions; by default <c>AddIdentity</c>, then sessions in SQLite with all that is optional.</summary>
    public Action<WebApplicationBuilder>? Register { get; init; }

    /// <summary>Sets options of sessions, where <see cref="Register"/> is the default.</summary>
    public Action<UserSessionOptions>? Options { get; init; }

    /// <summary>Services to put in place of others.</summary>
    public Action<IServiceCollection>? Services { get; init; }

    /// <summary>Configuration, as on the command line.</summary>
    public Dictionary<string, string?> Settings { get; init; } = [];

    /// <summary>What stands before authentication.</summary>
    public Action<WebApplication>? Pipeline { get; init; }

    /// <summary>More endpoints.</summary>
    public Action<WebApplication>? Map { get; init; }

    /// <summary>The clock of the application, made of the one that tests set.</summary>
    public Func<FakeTimeProvider, TimeProvider>? Clock { get; init; }

    /// <summary>Whether keys of Data Protection lie in the application's folder; else nothing but Identity registers it.</summary>
    public bool HasDataProtection { get; init; } = true;

    public string Environment { get; init; } = "Development";

    /// <summary>Whether it listens on a port of this machine, over HTTP; else its clients call it in this process.</summary>
    public bool Listens { get; init; }

    /// <summary>The folder of another application, whose database and keys of Data Protection this one serves too.</summary>
    public string? Folder { get; init; }

    /// <summary>Whether it finds its tables made; else there is no file.</summary>
    public bool HasDatabase { get; init; } = true;

    /// <summary>Where its sessions are.</summary>
    public TestedStore Store { get; init; }

    /// <summary>The PostgreSQL server, in place of the one that fixtures share.</summary>
    public PostgreSqlServer? Server { get; init; }

    /// <summary>The connection string, in place of that of its own database.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>The database that goes with the application.</summary>
    public (PostgreSqlServer Server, string Name)? OwnDatabase { get; init; }

    /// <summary>Sets how the PostgreSQL store connects.</summary>
    public Action<AuthApi.Sessions.PostgreSql.PostgreSqlOptions>? PostgreSql { get; init; }
}

/// <summary>
/// A stock application with ASP.NET Core Identity and the library, in this process, over an SQLite file of its own and with a clock that tests set.
/// Only the cost of a password hash is less than Identity's.
/// </summary>
internal class StockApplication<TUser, TRole, TContext> : IAsyncDisposable
    where TUser : class, IAppUser, new()
    where TRole : class
    where TContext : DbContext
{
    private static readonly Lazy<byte[]> Template = new(CreateTemplate);

    // By server: a database with the tables of the context, which each application of a test gets a copy of.
    private static readonly ConcurrentDictionary<PostgreSqlServer, Lazy<Task<string>>> Templates = new();

    // By server: copies of those that no test uses now.
    private static readonly ConcurrentDictionary<PostgreSqlServer, ConcurrentBag<string>> Free = new();

    private readonly TemporaryFolder? _folder;
    private readonly WebApplication _application;
    private readonly AppSetup _setup;

    protected StockApplication(AppSetup setup)
    {
        _setup = setup;
        _folder = setup.Folder is null ? new TemporaryFolder() : null;
        Folder = setup.Folder ?? _folder!.Path;
        ConnectionString = setup.ConnectionString ?? $"DataSource={DatabaseFile};Cache=Shared";
        if (setup is { HasDatabase: true, Store: TestedStore.Sqlite } && !File.Exists(DatabaseFile))
        {
            File.WriteAllBytes(DatabaseFile, Template.Value);
        }

        try
        {
            _application = Build(setup);
        }
        catch
        {
            _folder?.Dispose();
            throw;
        }
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));

    public IServiceProvider Services => _application.Services;

    public LogLines Logs { get; } = new();

    public string Folder { get; }

    public string DatabaseFile => Path.Combine(Folder, "app.db");

    /// <summary>The connection string, by default as the templates write it.</summary>
    public string ConnectionString { get; }

    /// <summary>Creates a database with the tables of the context.</summary>
    /// <returns>Its name.</returns>
    public static async Task<string> CreateDatabaseAsync(PostgreSqlServer server) =>
        await server.CreateDatabaseAsync(await Templates.GetOrAdd(server, CreateTemplateAsync).Value);

    /// <summary>Creates the database of an application on PostgreSQL, where it is not given one.</summary>
    protected static async Task<AppSetup> PrepareAsync(AppSetup setup)
    {
        if (setup is not { Store: TestedStore.PostgreSql, ConnectionString: null })
        {
            return setup;
        }

        var server = setup.Server ?? await PostgreSqlServer.SharedAsync();
        var name = !setup.HasDatabase ? await server.CreateDatabaseAsync()
            : FreeOn(server).TryTake(out var used) ? used
            : await CreateDatabaseAsync(server);
        return setup with { ConnectionString = server.ConnectionString(name), OwnDatabase = (server, name) };
    }

    /// <summary>Starts it, and takes it away again if it does not start.</summary>
    public async Task RunAsync()
    {
        try
        {
            await _application.StartAsync();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops it in order, as at SIGTERM.</summary>
    public Task StopAsync() => _application.StopAsync();

    /// <summary>A client that knows nothing of this application yet, over HTTPS by default.</summary>
    public Browser NewBrowser(string scheme = "https", SessionTransport transport = SessionTransport.Cookie)
    {
        if (_setup.Listens)
        {
            return new Browser(new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = new Uri(_application.Urls.Single()) }, transport);
        }

        var client = _application.GetTestClient();
        client.BaseAddress = new Uri($"{scheme}://localhost");
        return new Browser(client, transport);
    }

    /// <summary>A client in which a new user has registered and logged in.</summary>
    public async Task<Browser> NewLoggedInBrowserAsync(string email = "ada@example.com")
    {
        var browser = NewBrowser();
        await browser.SignUpAsync(email);
        await browser.LogInAsync(email);
        return browser;
    }

    /// <summary>Another client in which a user who is registered has logged in.</summary>
    public async Task<Browser> NewLogInAsync(string email = "ada@example.com")
    {
        var browser = NewBrowser();
        await browser.LogInAsync(email);
        return browser;
    }

    /// <summary>Does something as a request would, with scoped services.</summary>
    public async Task<TResult> WithScopeAsync<TResult>(Func<IServiceProvider, Task<TResult>> action)
    {
        await using var scope = Services.CreateAsyncScope();
        return await action(scope.ServiceProvider);
    }

    public Task WithScopeAsync(Func<IServiceProvider, Task> action) => WithScopeAsync(async provider =>
    {
        await action(provider);
        return true;
    });

    public Task<TResult> QueryAsync<TResult>(Func<TContext, Task<TResult>> query) =>
        WithScopeAsync(provider => query(provider.GetRequiredService<TContext>()));

    /// <summary>Ends the clean-up that runs by itself from the start, which may delete what a test deletes.</summary>
    public Task EndCleanupAsync() => Services.GetServices<IHostedService>().OfType<ExpiredSessionCleanup>().Single().StopAsync(CancellationToken.None);

    /// <summary>Changes a user through Identity's manager, in a scope of its own.</summary>
    public Task ChangeUserAsync(Func<UserManager<TUser>, TUser, Task<IdentityResult>> change, string email = "ada@example.com") => WithScopeAsync(async provider =>
    {
        var users = provider.GetRequiredService<UserManager<TUser>>();
        var result = await change(users, (await users.FindByNameAsync(email))!);
        Assert.That(result.Succeeded, Is.True, string.Join(", ", result.Errors.Select(error => error.Code)));
    });

    public Task<string> UserIdAsync(string email = "ada@example.com") => WithScopeAsync(async provider =>
    {
        var users = provider.GetRequiredService<UserManager<TUser>>();
        return await users.GetUserIdAsync((await users.FindByNameAsync(email))!);
    });

    /// <summary>The rows of all sessions, by what the store says of each user.</summary>
    public async Task<List<UserSession>> StoredSessionsAsync()
    {
        var store = Services.GetRequiredService<IUserSessionStore>();
        var hashes = await QueryAsync(context => context.Set<UserSession>().AsNoTracking().Select(session => session.TokenHash).ToListAsync());
        var sessions = new List<UserSession>();
        foreach (var hash in hashes)
        {
            sessions.Add((await store.FindAsync(hash))!);
        }

        return sessions;
    }

    /// <summary>A user's events, the first first.</summary>
    public async Task<List<AuditEntry>> EntriesAsync(string userId) =>
        [.. (await Services.GetRequiredService<IUserSessionStore>().ListEventsAsync(userId, long.MaxValue, 1_000)).Reverse()];

    public async Task<List<string>> EventsAsync(string userId) => (await EntriesAsync(userId)).ConvertAll(entry => entry.Event);

    public async ValueTask DisposeAsync()
    {
        // Its own pools only: another fixture may be running at the same time.
        if (_setup.Store == TestedStore.PostgreSql)
        {
            await _application.DisposeAsync();
            await GiveBackAsync();
        }
        else
        {
            var completed = Services.GetService<Sqlite.SqliteDatabase>() is { } database && File.Exists(DatabaseFile) ? database.ConnectionString : null;
            await _application.DisposeAsync();
            foreach (var connectionString in new[] { ConnectionString, completed })
            {
                await using var pool = new SqliteConnection(connectionString ?? ConnectionString);
                SqliteConnection.ClearPool(pool);
            }
        }

        _folder?.Dispose();
        GC.SuppressFinalize(this);
    }

    private static ConcurrentBag<string> FreeOn(PostgreSqlServer server) => Free.GetOrAdd(server, _ => []);

    private async Task GiveBackAsync()
    {
        await using (var pool = new NpgsqlConnection(ConnectionString))
        {
            NpgsqlConnection.ClearPool(pool);
        }

        if (_setup is { HasDatabase: true, OwnDatabase: (var server, var name) } && server.IsRunning)
        {
            await server.DeleteRowsAsync(name);
            FreeOn(server).Add(name);
        }
    }

    private WebApplication Build(AppSetup setup)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = setup.Environment, ContentRootPath = Folder });
        if (setup.Listens)
        {
            builder.WebHost.UseUrls("http://127.0.0.1:0");
        }
        else
        {
            builder.WebHost.UseTestServer();
        }

        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(setup.Settings);
        builder.Logging.ClearProviders().AddProvider(Logs);
        builder.Services.AddSingleton(setup.Clock?.Invoke(Time) ?? Time);
        if (setup.HasDataProtection)
        {
            builder.Services.AddDataProtection().PersistKeysToFileSystem(new DirectoryInfo(Folder)).SetApplicationName("stock");
        }

        builder.Services.Configure<PasswordHasherOptions>(options => options.IterationCount = 1);
        builder.Configuration["ConnectionStrings:Default"] = ConnectionString;
        builder.Configuration[AppServices.StoreSetting] = setup.Store.ToString();
        (setup.Register ?? (_ => Register(builder, setup)))(builder);
        setup.Services?.Invoke(builder.Services);

        var application = builder.Build();
        setup.Pipeline?.Invoke(application);
        application.UseAuthentication();
        application.UseAuthorization();
        if (application.Services.GetService<IActionDescriptorCollectionProvider>() is not null)
        {
            application.MapControllers();
        }

        AppEndpoints.Map<TUser>(application);
        setup.Map?.Invoke(application);
        return application;
    }

    private static void Register(WebApplicationBuilder builder, AppSetup setup)
    {
        builder.AddAppDbContext<TContext>();
        builder.Services.AddIdentity<TUser, TRole>(AppServices.WeakPasswords)
            .AddEntityFrameworkStores<TContext>()
            .AddClaimsPrincipalFactory<AppClaimsFactory<TUser, TRole>>()
            .AddDefaultTokenProviders();
        builder.Services.AddServerSideSessions<TContext>(sessions => sessions.UseStoreOf(builder, setup.PostgreSql).AddControllers().AddHealthCheck().Configure(setup.Options ?? (_ => { })));
    }

    private static Lazy<Task<string>> CreateTemplateAsync(PostgreSqlServer server) => new(async () =>
    {
        var name = await server.CreateDatabaseAsync();
        await using var context = (TContext)Activator.CreateInstance(
            typeof(TContext), new DbContextOptionsBuilder<TContext>().UseNpgsql(server.ConnectionString(name) + ";Pooling=false").Options)!;
        await context.Database.EnsureCreatedAsync();
        return name;
    });

    private static byte[] CreateTemplate()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "made.db");
        using (var context = (TContext)Activator.CreateInstance(
            typeof(TContext), new DbContextOptionsBuilder<TContext>().UseSqlite($"Data Source={file};Pooling=False").Options)!)
        {
            context.Database.EnsureCreated();
        }

        return File.ReadAllBytes(file);
    }
}

/// <summary>The usual one: string ids.</summary>
internal sealed class StockApplication : StockApplication<AppUser, IdentityRole, AppDbContext>
{
    private StockApplication(AppSetup setup) : base(setup)
    {
    }

    public static async Task<StockApplication> StartAsync(AppSetup? setup = null)
    {
        var application = new StockApplication(await PrepareAsync(setup ?? new AppSetup()));
        await application.RunAsync();
        return application;
    }
}

/// <summary>The same with ids of another type.</summary>
internal sealed class StockApplication<TKey> : StockApplication<AppUser<TKey>, IdentityRole<TKey>, AppDbContext<TKey>>
    where TKey : IEquatable<TKey>
{
    private StockApplication(AppSetup setup) : base(setup)
    {
    }

    public static async Task<StockApplication<TKey>> StartAsync(AppSetup? setup = null)
    {
        var application = new StockApplication<TKey>(await PrepareAsync(setup ?? new AppSetup()));
        await application.RunAsync();
        return application;
    }
}

/// <summary>What applications register.</summary>
internal static class AppServices
{
    /// <summary>Skips the tests where the store's server is missing.</summary>
    public static void Require(TestedStore store)
    {
        if (store == TestedStore.PostgreSql)
        {
            PostgreSqlServer.Require();
        }
    }

    public const string StoreSetting = "Test:Store";

    private static bool IsPostgreSql(WebApplicationBuilder builder) => builder.Configuration[StoreSetting] == nameof(TestedStore.PostgreSql);

    public static void AddAppDbContext<TContext>(this WebApplicationBuilder builder)
        where TContext : DbContext =>
        builder.Services.AddDbContext<TContext>(options => options.UseDatabaseOf(builder));

    /// <summary>Chooses the database that the test sets.</summary>
    public static void UseDatabaseOf(this DbContextOptionsBuilder options, WebApplicationBuilder builder)
    {
        var connectionString = builder.Configuration.GetConnectionString("Default");
        if (IsPostgreSql(builder))
        {
            options.UseNpgsql(connectionString);
        }
        else
        {
            options.UseSqlite(connectionString);
        }
    }

    /// <summary>Chooses the store that the test sets.</summary>
    public static ServerSideSessionsBuilder<TContext> UseStoreOf<TContext>(
        this ServerSideSessionsBuilder<TContext> sessions, WebApplicationBuilder builder, Action<AuthApi.Sessions.PostgreSql.PostgreSqlOptions>? postgreSql = null)
        where TContext : DbContext => IsPostgreSql(builder) ? sessions.UsePostgreSql(postgreSql) : sessions.UseSqlite();

    public static void WeakPasswords(IdentityOptions options) =>
        (options.Password.RequireDigit, options.Password.RequireUppercase, options.Password.RequireNonAlphanumeric) = (false, false, false);
}

/// <summary>What the stock application answers otherwise than the program.</summary>
internal static class StockBrowser
{
    /// <summary>Registers a user and returns their id.</summary>
    public static async Task<string> SignUpAsync(this Browser browser, string email = "ada@example.com")
    {
        using var response = await browser.PostAsync("/register/", new { email, password = Browser.Password });
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Created), await response.Content.ReadAsStringAsync());
        return (await response.JsonAsync())["id"]!.GetValue<string>();
    }

    public static async Task<System.Text.Json.Nodes.JsonNode> ReadMeAsync(this Browser browser)
    {
        using var response = await browser.GetAsync("/me/");
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return await response.JsonAsync();
    }
}
