using System.Diagnostics;
using System.Diagnostics.Metrics;
using AuthApi.Sessions.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;

namespace AuthApi.Sessions.Tests;

/// <summary>That an application says it is ready when it is, and only then.</summary>
[NonParallelizable]
internal sealed class StoreHealthCheckTests
{
    private StockApplication _application = null!;
    private StoreHealthCheck _probe = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = await StockApplication.StartAsync();
        _probe = _application.Services.GetRequiredService<StoreHealthCheck>();
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task The_check_commits_and_changes_no_row()
    {
        await using var connection = await OpenAsync();
        var before = await ScalarAsync(connection, "PRAGMA data_version");

        Assert.That(await StatusAsync(), Is.EqualTo(HealthStatus.Healthy));

        Assert.That(await ScalarAsync(connection, "PRAGMA data_version"), Is.Not.EqualTo(before), "another connection has committed");
        Assert.That(await _application.QueryAsync(context => context.Set<AuditEntry>().CountAsync()), Is.Zero);
        Assert.That(await _application.StoredSessionsAsync(), Is.Empty);
    }

    [Test]
    public async Task A_flood_of_probes_is_one_commit_a_second()
    {
        // A writer of its own: the application's has the jobs of the start to do as well.
        await using var metrics = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = metrics.GetRequiredService<IMeterFactory>();
        var commits = new GroupCommit(
            _application.Services.GetRequiredService<SqliteDatabase>(),
            _application.Services.GetRequiredService<OpenStoreFiles>(),
            _application.Services.GetRequiredService<WriteSlot>(),
            new StorageMetrics(meters),
            NullLogger<GroupCommit>.Instance);
        await commits.StartAsync(CancellationToken.None);
        var lifetime = _application.Services.GetRequiredService<IHostApplicationLifetime>();
        var probe = new StoreHealthCheck(
            new SqliteUserSessionStore(_application.Services.GetRequiredService<ReadConnectionPool>(), commits, _application.Services.GetRequiredService<SessionSchema>()),
            lifetime,
            _application.Time,
            NullLogger<StoreHealthCheck>.Instance);
        using var numbers = new Numbers(meters);

        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => probe.CheckHealthAsync(new())));
        Assert.That(numbers["authapi.storage.commit.batch_size"], Is.EqualTo(1));

        _application.Time.Advance(TimeSpan.FromSeconds(1));
        await probe.CheckHealthAsync(new());
        Assert.That(numbers["authapi.storage.commit.batch_size"], Is.EqualTo(2));

        await commits.StopAsync(CancellationToken.None);
    }

    [Test]
    public async Task A_deleted_file_is_not_ready_and_a_restored_one_is()
    {
        foreach (var suffix in new[] { "", "-wal", "-shm" })
        {
            File.Move(_application.DatabaseFile + suffix, _application.DatabaseFile + ".away" + suffix);
        }

        Assert.That(await StatusAsync(), Is.EqualTo(HealthStatus.Unhealthy));

        foreach (var suffix in new[] { "", "-wal", "-shm" })
        {
            File.Move(_application.DatabaseFile + ".away" + suffix, _application.DatabaseFile + suffix);
        }

        _application.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await StatusAsync(), Is.EqualTo(HealthStatus.Healthy));
    }

    [Test]
    public async Task A_store_that_cannot_be_written_is_not_ready()
    {
        await using var connection = await OpenAsync();
        await ExecuteAsync(connection, "BEGIN IMMEDIATE");
        var watch = Stopwatch.StartNew();

        Assert.That(await StatusAsync(), Is.EqualTo(HealthStatus.Unhealthy));

        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(3)));
        await ExecuteAsync(connection, "ROLLBACK");
        _application.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await StatusAsync(), Is.EqualTo(HealthStatus.Healthy));
    }

    [Test]
    public async Task A_store_without_its_tables_is_not_ready()
    {
        await using var connection = await OpenAsync();
        await ExecuteAsync(connection, """ALTER TABLE "AspNetUsers" RENAME TO "Elsewhere" """);

        Assert.That(await StatusAsync(), Is.EqualTo(HealthStatus.Unhealthy));
    }

    [Test]
    public async Task A_damaged_page_of_the_sessions_is_not_ready()
    {
        using var browser = await _application.NewLoggedInBrowserAsync();
        Assert.That(await StatusAsync(), Is.EqualTo(HealthStatus.Healthy));
        await using (var connection = await OpenAsync())
        {
            // The table's pages are looked for where those of its index are.
            await ExecuteAsync(connection, "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'IX_UserSessions_UserId_Id') WHERE name = 'UserSessions'");
        }

        _application.Time.Advance(TimeSpan.FromSeconds(1));
        await _application.Services.GetRequiredService<ReadConnectionPool>().DisposeAsync();
        await using (var pooled = new SqliteConnection(_application.Services.GetRequiredService<SqliteDatabase>().ConnectionString))
        {
            SqliteConnection.ClearPool(pooled);
        }

        Assert.That(await StatusAsync(), Is.EqualTo(HealthStatus.Unhealthy));
    }

    [Test]
    public async Task A_program_that_is_stopping_is_not_ready()
    {
        using var ending = new CancellationTokenSource();
        var probe = new StoreHealthCheck(
            _application.Services.GetRequiredService<IUserSessionStore>(),
            Mock.Of<IHostApplicationLifetime>(lifetime => lifetime.ApplicationStopping == ending.Token),
            _application.Time,
            NullLogger<StoreHealthCheck>.Instance);
        Assert.That((await probe.CheckHealthAsync(new())).Status, Is.EqualTo(HealthStatus.Healthy));

        await ending.CancelAsync();

        Assert.That((await probe.CheckHealthAsync(new())).Status, Is.EqualTo(HealthStatus.Unhealthy));
    }

    private async Task<HealthStatus> StatusAsync() => (await _probe.CheckHealthAsync(new())).Status;

    private async Task<SqliteConnection> OpenAsync()
    {
        var connection = new SqliteConnection($"Data Source={_application.DatabaseFile};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    private static async Task ExecuteAsync(SqliteConnection connection, string sql) => await ScalarAsync(connection, sql);

    private static async Task<object?> ScalarAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync();
    }
}
