using System.Collections.Concurrent;
using AuthApi.Sessions.PostgreSql;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthApi.Sessions.Tests;

/// <summary>A PostgreSQL server that cannot serve sessions stops the start with one line; one that can is named with the promises that hold.</summary>
internal sealed class PostgreSqlStartTests
{
    private PostgreSqlServer _server = null!;

    [OneTimeSetUp]
    public async Task SetUp() => _server = await PostgreSqlServer.SharedAsync();

    [TestCase("Port=1", "cannot be used: Failed to connect")]
    [TestCase("Host=nowhere.invalid;SSL Mode=Require", "nowhere.invalid")]
    [TestCase("Password=wrong", "28P01: password authentication failed")]
    [TestCase("Username=nobody", "28P01: password authentication failed")]
    [TestCase("Database=missing", "3D000: database \"missing\" does not exist")]
    public async Task A_wrong_connection_string_is_said(string change, string message) => await RefusedAsync(message, WithStore(_server.ConnectionString("postgres") + ";" + change));

    [TestCase("Database=app", "The connection string of AppDbContext names no Host")]
    [TestCase("Host=db;Nonsense=1", "is not one of PostgreSQL")]
    [TestCase("Host=db.example.com", "names the host db.example.com without TLS: write SSL Mode=VerifyFull")]
    [TestCase("Host=db.example.com;SSL Mode=Prefer", "without TLS")]
    [TestCase("Host=127.0.0.1,10.0.0.2", "without TLS")]
    [TestCase("Host=127.0.0.1:5432,10.0.0.2:5432", "without TLS")]
    public void A_connection_that_is_not_safe_is_refused(string connectionString, string message) =>
        Assert.That(() => Connect(connectionString), Throws.TypeOf<SessionSetupException>().With.Message.Contains(message));

    [TestCase("Host=db.example.com;SSL Mode=Require", false)]
    [TestCase("Host=db.example.com;SSL Mode=VerifyFull", false)]
    [TestCase("Host=localhost", false)]
    [TestCase("Host=localhost:5432,127.0.0.1:5433,[::1]:5434", false)]
    [TestCase("Host=::1", false)]
    [TestCase("Host=/var/run/postgresql", false)]
    [TestCase("Host=db.example.com", true)]
    public async Task A_connection_that_is_safe_is_taken(string connectionString, bool allowsPlaintext)
    {
        await using var database = Connect(connectionString, allowsPlaintext);
        Assert.That(database.Name, Does.Contain("5432"));
    }

    [Test]
    public async Task Missing_tables_name_the_migration() =>
        await RefusedAsync("lacks a table of sessions (relation \"UserSessions\" does not exist): run dotnet ef migrations add AddServerSideSessions", new() { Store = TestedStore.PostgreSql, HasDatabase = false });

    [TestCase("", "permission denied for table UserSessions")]
    [TestCase("""GRANT SELECT ON "UserSessions", "AuditEntries", "AspNetUsers" TO {0}""", "may not INSERT, UPDATE or DELETE")]
    [TestCase("""GRANT ALL ON "UserSessions", "AspNetUsers" TO {0}; GRANT SELECT ON "AuditEntries" TO {0}""", "AuditEntries")]
    [TestCase("""GRANT ALL ON "UserSessions", "AuditEntries" TO {0}""", "AspNetUsers")]
    public async Task Missing_rights_are_said(string grants, string message)
    {
        var (database, user) = (await StockApplication.CreateDatabaseAsync(_server), "user_" + Guid.CreateVersion7().ToString("N"));
        await _server.ExecuteAsync(database, $"CREATE ROLE {user} LOGIN PASSWORD 'authapi'; " + grants.Replace("{0}", user, StringComparison.Ordinal));

        await RefusedAsync(message, WithStore(_server.ConnectionString(database, user)));

        await _server.ExecuteAsync(database, $"""GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}""");
        await using var application = await StockApplication.StartAsync(WithStore(_server.ConnectionString(database, user)));
    }

    [TestCase("synchronous_commit = off", "has synchronous_commit off: a logout would be answered before it is durable")]
    [TestCase("default_transaction_read_only = on", "is a standby, or takes no writes")]
    public async Task A_setting_that_breaks_a_promise_is_refused(string setting, string message)
    {
        var database = await StockApplication.CreateDatabaseAsync(_server);
        await _server.ExecuteAsync("postgres", $"ALTER DATABASE \"{database}\" SET {setting}");

        await RefusedAsync(message, WithStore(_server.ConnectionString(database)));
    }

    [TestCase(140_012, "is version 14.12; 15 or later is needed.")]
    [TestCase(150_000, null)]
    [TestCase(180_001, null)]
    public void An_old_server_is_refused(int version, string? refusal) => Assert.That(State(version).Refusal, Is.EqualTo(refusal));

    [TestCase("on", "", true, false, "on the disk of this server before it is answered; there is no synchronous standby")]
    [TestCase("on", "s1", true, true, "of the primary and of the synchronous standby (s1) before it is answered, and survives a failover")]
    [TestCase("remote_apply", "ANY 1 (s1, s2)", true, true, "of the synchronous standby (ANY 1 (s1, s2)) before")]
    [TestCase("remote_write", "s1", true, false, "in the memory of the synchronous standby (s1) before it is answered; a failover undoes the latest where both machines fail")]
    [TestCase("local", "s1", true, false, "it waits for no standby (synchronous_commit is local), so a failover can undo the latest")]
    [TestCase("on", "s1", false, true, "fsync is off, so a logout that was answered is undone where the machine fails")]
    public void No_more_is_promised_than_the_settings_keep(string commit, string standbys, bool syncs, bool waits, string promise)
    {
        var server = State(150_000, commit, standbys, syncs);

        Assert.That(server.Promise, Does.Contain(promise));
        Assert.That((server.WaitsForStandby, server.Refusal), Is.EqualTo((waits, (string?)null)));
    }

    [Test]
    public async Task A_context_of_another_database_is_refused()
    {
        var exception = await Assert.CatchAsync(() => StockApplication.StartAsync(new()
        {
            Register = builder =>
            {
                builder.AddAppDbContext<AppDbContext>();
                builder.Services.AddIdentity<AppUser, IdentityRole>().AddEntityFrameworkStores<AppDbContext>();
                builder.Services.AddServerSideSessions<AppDbContext>(sessions => sessions.UsePostgreSql());
            },
        }));
        Assert.That(exception, Is.TypeOf<SessionSetupException>().With.Message.Contains("AppDbContext does not use PostgreSQL (Microsoft.EntityFrameworkCore.Sqlite)"));
    }

    [Test]
    public async Task A_server_without_syncs_is_warned_of_and_promises_nothing()
    {
        var lines = new Lines();
        var setup = WithStore(_server.ConnectionString(await StockApplication.CreateDatabaseAsync(_server)));
        await using var application = await StockApplication.StartAsync(setup with { Services = services => services.AddLogging(logging => logging.AddProvider(lines)) });

        Assert.That(lines.Texts, Has.Some.Contains("has fsync off: what was answered is lost where its machine fails."));
        Assert.That(lines.Texts, Has.Some.Contains("fsync is off, so a logout that was answered is undone where the machine fails; there is no other promise."));
    }

    [Test]
    public async Task The_start_says_which_promises_hold_and_a_standby_is_refused()
    {
        await using var primary = await PostgreSqlServer.StartAsync();
        var setup = WithStore(primary.ConnectionString(await StockApplication.CreateDatabaseAsync(primary)));
        Assert.That(await ReadStartLineAsync(setup), Does.Match(
            @"^The store is PostgreSQL 1\d\.\d+.* at 127\.0\.0\.1:\d+/test_\w+: a logout is on the disk of this server before it is answered; there is no synchronous standby, so a failover to another server can undo the latest\.$"));

        await using var standby = await primary.StartStandbyAsync();
        await RefusedAsync("is a standby, or takes no writes; name the primary", WithStore(standby.ConnectionString(new NpgsqlConnectionStringBuilder(setup.ConnectionString).Database!)));

        await primary.ExecuteAsync("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        await primary.ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        while ((await primary.QueryAsync("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"))[0] != "1")
        {
            await Task.Delay(20);
        }

        Assert.That(await ReadStartLineAsync(setup), Does.EndWith("a logout is on the disk of the primary and of the synchronous standby (standby) before it is answered, and survives a failover to that."));
    }

    [TestCase("", true)]
    [TestCase(";Timeout=1;Command Timeout=1", true)]
    [TestCase(";Timeout=2;Command Timeout=2;Cancellation Timeout=-1", true)]
    [TestCase(";Timeout=1;Command Timeout=1;Cancellation Timeout=-1", false)]
    public async Task Connections_without_limits_of_time_are_warned_of(string limits, bool isWarned)
    {
        var lines = new Lines();
        var setup = WithStore(_server.ConnectionString(await StockApplication.CreateDatabaseAsync(_server)) + limits);
        await using var application = await StockApplication.StartAsync(setup with { Services = services => services.AddLogging(logging => logging.AddProvider(lines)) });

        Assert.That(lines.Texts.Count(text => text.Contains("Cancellation Timeout=-1", StringComparison.Ordinal)), Is.EqualTo(isWarned ? 1 : 0));
    }

    private static ServerState State(int version, string commit = "on", string standbys = "", bool syncs = true) =>
        new(version, "14.12", takesWrites: true, commit, standbys, syncs);

    private static AppSetup WithStore(string connectionString) => new() { Store = TestedStore.PostgreSql, ConnectionString = connectionString };

    private static PostgreSqlDatabase Connect(string connectionString, bool allowsPlaintext = false) => new(
        new ApplicationConnection("AppDbContext", connectionString), Options.Create(new PostgreSqlOptions { AllowPlaintext = allowsPlaintext }), NullLoggerFactory.Instance);

    private static async Task RefusedAsync(string message, AppSetup setup)
    {
        var exception = await Assert.CatchAsync(() => StockApplication.StartAsync(setup));
        Assert.That(exception, Is.TypeOf<SessionSetupException>());
        Assert.That(exception!.Message, Does.Contain(message).And.Not.Contain("\n"));
    }

    private static async Task<string> ReadStartLineAsync(AppSetup setup)
    {
        var lines = new Lines();
        await using var application = await StockApplication.StartAsync(setup with { Services = services => services.AddLogging(logging => logging.AddProvider(lines)) });
        return lines.Texts.Single(text => text.StartsWith("The store is PostgreSQL", StringComparison.Ordinal));
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Texts { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Texts.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
