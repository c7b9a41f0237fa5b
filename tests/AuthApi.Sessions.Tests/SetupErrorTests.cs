using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthApi.Sessions.Tests;

/// <summary>A setup that cannot work stops the start with one line that says what to write instead.</summary>
internal sealed class SetupErrorTests
{
    [Test]
    public void No_store_is_said_by_the_call() => Assert.That(
        () => new ServiceCollection().AddServerSideSessions<AppDbContext>(_ => { }),
        Throws.TypeOf<SessionSetupException>().With.Message.EqualTo(
            "AddServerSideSessions<AppDbContext> has no store: add the package AuthApi.Sessions.Sqlite and write sessions => sessions.UseSqlite()."));

    [Test]
    public void A_second_call_is_refused() => Assert.That(
        () => new ServiceCollection()
            .AddServerSideSessions<AppDbContext>(sessions => sessions.UseSqlite())
            .AddServerSideSessions<AppDbContext>(sessions => sessions.UseSqlite()),
        Throws.TypeOf<SessionSetupException>().With.Message.Contains("called twice"));

    [Test]
    public async Task A_context_that_is_not_registered_is_named() => await RefusedAsync(
        "AddDbContext<AppDbContext>(options => ...)",
        new()
        {
            // In Development the container says it first, in its own words.
            Environment = "Production",
            Register = builder =>
            {
                builder.Services.AddIdentity<AppUser, IdentityRole>().AddEntityFrameworkStores<AppDbContext>();
                builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UseSqlite());
            },
        });

    [Test]
    public async Task Identity_that_is_not_registered_is_named() => await RefusedAsync<AppDbContext>("AddIdentity<AppUser, TRole>()", services => { });

    [Test]
    public async Task A_mapping_of_another_user_is_named() =>
        await RefusedAsync<AppDbContext>("AddIdentity<AppUser, TRole>()", services => services.AddIdentityCore<IdentityUser>());

    [TestCase("DataSource=:memory:", "must name a database file")]
    [TestCase("DataSource=app;Mode=Memory;Cache=Shared", "must name a database file")]
    [TestCase("DataSource=file::memory:?cache=shared", "must name a database file")]
    [TestCase("", "must name a database file")]
    [TestCase("DataSource=app.db;Mode=ReadOnly", "must not be read-only")]
    [TestCase("DataSource=app.db;Password=secret", "Password")]
    public async Task A_database_that_cannot_keep_sessions_is_refused(string connectionString, string message) =>
        await RefusedAsync(message, new() { ConnectionString = connectionString });

    [Test]
    public async Task A_context_that_does_not_report_changes_is_named() => await RefusedAsync(
        "write AddServerSideSessions<DerivedDbContext>",
        new()
        {
            Register = builder =>
            {
                builder.Services.AddDbContext<BaseDbContext, DerivedDbContext>(options => options.UseSqlite("DataSource=app.db"));
                builder.Services.AddIdentity<AppUser, IdentityRole>().AddEntityFrameworkStores<BaseDbContext>();
                builder.Services.AddServerSideSessions<BaseDbContext>(sessions => sessions.UseSqlite());
            },
        });

    [Test]
    public async Task A_second_scheme_of_the_name_is_named() => await RefusedAsync(
        "A second scheme is named Identity.Application",
        new()
        {
            Register = builder =>
            {
                builder.Services.AddDbContext<AppDbContext>(options => options.UseSqlite("DataSource=app.db"));
                builder.Services.AddIdentity<AppUser, IdentityRole>().AddEntityFrameworkStores<AppDbContext>();
                builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UseSqlite());
                builder.Services.AddAuthentication().AddCookie(IdentityConstants.ApplicationScheme);
            },
        });

    [Test]
    public async Task A_database_that_is_not_there_is_named() => await RefusedAsync("dotnet ef database update", new() { HasDatabase = false });

    [Test]
    public async Task A_file_that_is_no_database_is_refused()
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "app.db"), new string('x', 5_000));

        await RefusedAsync("cannot be used", new() { Folder = folder.Path });
    }

    [TestCase("UserSessions")]
    [TestCase("AuditEntries")]
    public async Task A_missing_table_names_the_migration(string table)
    {
        using var folder = new TemporaryFolder();
        await (await StockApplication.StartAsync(new() { Folder = folder.Path })).DisposeAsync();
        await using (var connection = new SqliteConnection($"Data Source={Path.Combine(folder.Path, "app.db")};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = table == "UserSessions" ? "DROP TABLE UserSessions" : "DROP TABLE AuditEntries";
            await command.ExecuteNonQueryAsync();
        }

        await RefusedAsync("run dotnet ef migrations add AddServerSideSessions, then dotnet ef database update", new() { Folder = folder.Path });
    }

    [Test]
    public async Task A_file_that_another_serves_is_refused()
    {
        await using var application = await StockApplication.StartAsync();

        await RefusedAsync("another process serves", new() { Folder = application.Folder });

        using var browser = await application.NewLoggedInBrowserAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(System.Net.HttpStatusCode.OK));
    }

    [Test]
    public async Task A_context_without_the_mapping_is_named() =>
        await RefusedAsync<UnmappedDbContext>("UnmappedDbContext has no tables for sessions: write builder.AddServerSideSessions<TUser>()");

    [Test]
    public async Task A_mapping_before_the_base_is_named() => await RefusedAsync<EarlyDbContext>("call base.OnModelCreating(builder) before it");

    [Test]
    public async Task A_key_that_cannot_be_read_from_text_is_named() => await RefusedAsync<OddDbContext>("OddKey cannot be read from text; give it a TypeConverter");

    [Test]
    public async Task A_key_of_two_columns_is_refused() => await RefusedAsync<TwoKeysDbContext>("no entity with a key of one column");

    private static async Task RefusedAsync(string message, AppSetup setup)
    {
        var exception = await Assert.CatchAsync(() => StockApplication.StartAsync(setup));
        IsOneLine(exception!, message);
    }

    private static Task RefusedAsync<TContext>(string message)
        where TContext : DbContext =>
        RefusedAsync<TContext>(message, services => services.AddIdentityCore<AppUser>());

    private static async Task RefusedAsync<TContext>(string message, Action<IServiceCollection> addIdentity)
        where TContext : DbContext
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Logging.ClearProviders();
        builder.Services.AddDbContext<TContext>(options => options.UseSqlite("DataSource=app.db"));
        addIdentity(builder.Services);
        builder.Services.AddServerSideSessions<TContext>(sessions => sessions.UseSqlite());
        await using var application = builder.Build();

        var exception = await Assert.CatchAsync(() => application.StartAsync());
        IsOneLine(exception!, message);
    }

    private static void IsOneLine(Exception exception, string message)
    {
        Assert.That(exception.Message, Does.Contain(message).And.Not.Contain("\n"), exception.ToString());
        Assert.That(exception, Is.InstanceOf<InvalidOperationException>());
    }

    private class BaseDbContext(DbContextOptions options) : IdentityDbContext<AppUser>(options)
    {
        protected override void OnModelCreating(ModelBuilder builder)
        {
            base.OnModelCreating(builder);
            builder.AddServerSideSessions<AppUser>();
        }
    }

    private sealed class DerivedDbContext(DbContextOptions<DerivedDbContext> options) : BaseDbContext(options);

    private sealed class UnmappedDbContext(DbContextOptions<UnmappedDbContext> options) : IdentityDbContext<AppUser>(options);

    private sealed class EarlyDbContext(DbContextOptions<EarlyDbContext> options) : IdentityDbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder builder)
        {
            builder.AddServerSideSessions<AppUser>();
            base.OnModelCreating(builder);
        }
    }

    private readonly record struct OddKey(int Value);

    private sealed class OddUser
    {
        public OddKey Id { get; set; }
    }

    private sealed class OddDbContext(DbContextOptions<OddDbContext> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.Entity<OddUser>().Property(user => user.Id).HasConversion(key => key.Value, value => new OddKey(value));
            modelBuilder.AddServerSideSessions<OddUser>();
        }
    }

    private sealed class TwoKeysUser
    {
        public int Tenant { get; set; }

        public int Id { get; set; }
    }

    private sealed class TwoKeysDbContext(DbContextOptions<TwoKeysDbContext> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.Entity<TwoKeysUser>().HasKey(user => new { user.Tenant, user.Id });
            modelBuilder.AddServerSideSessions<TwoKeysUser>();
        }
    }
}
