using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>The PostgreSQL store on a real server that is killed and taken away, with users whose ids are of each type that Identity's are.</summary>
[TestFixture(typeof(string))]
[TestFixture(typeof(Guid))]
[TestFixture(typeof(int))]
[TestFixture(typeof(long))]
public sealed class PostgreSqlUserSessionStoreTests<TKey> : UserSessionStoreTests
    where TKey : IEquatable<TKey>
{
    private PostgreSqlServer _server = null!;
    private string? _database;

    [OneTimeSetUp]
    public async Task StartServerAsync() => _server = await PostgreSqlServer.StartAsync();

    [OneTimeTearDown]
    public async Task EndServerAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    protected override async Task<StoreUnderTest> CreateStoreAsync()
    {
        if (!_server.IsRunning)
        {
            await _server.StartAgainAsync();
        }

        // One database, emptied for each test: with syncs to the disk another one takes a second.
        if (_database is null)
        {
            _database = await StockApplication<TKey>.CreateDatabaseAsync(_server);
        }

        await _server.ExecuteAsync(_database, """DELETE FROM "AspNetUsers"; DELETE FROM "AuditEntries" """);
        return await PostgreSqlStoreUnderTest<TKey>.CreateAsync(_server, _database);
    }
}

/// <summary>The PostgreSQL store of a stock application.</summary>
internal sealed class PostgreSqlStoreUnderTest<TKey> : StoreUnderTest
    where TKey : IEquatable<TKey>
{
    private readonly PostgreSqlServer _server;
    private readonly StockApplication<TKey> _application;
    private StockApplication<TKey>? _reopened;
    private string _userId = null!;
    private string _otherUserId = null!;
    private string _securityStamp = null!;

    private PostgreSqlStoreUnderTest(PostgreSqlServer server, StockApplication<TKey> application) => (_server, _application) = (server, application);

    public override IUserSessionStore Store => (_reopened ?? _application).Services.GetRequiredService<IUserSessionStore>();

    public override string UserId => _userId;

    public override string SecurityStamp => _securityStamp;

    public override string OtherUserId => _otherUserId;

    public override string UnknownUserId { get; } = typeof(TKey) == typeof(Guid) || typeof(TKey) == typeof(string) ? Guid.CreateVersion7().ToString() : "999";

    public static async Task<PostgreSqlStoreUnderTest<TKey>> CreateAsync(PostgreSqlServer server, string database)
    {
        var tested = new PostgreSqlStoreUnderTest<TKey>(
            server, await StockApplication<TKey>.StartAsync(new() { Store = TestedStore.PostgreSql, ConnectionString = server.ConnectionString(database) }));
        using var browser = tested._application.NewBrowser();
        (tested._userId, tested._otherUserId) = (await browser.SignUpAsync(), await browser.SignUpAsync("eve@example.com"));
        await tested._application.ChangeUserAsync((users, user) =>
        {
            tested._securityStamp = user.SecurityStamp!;
            return Task.FromResult(IdentityResult.Success);
        });
        return tested;
    }

    public override Task<TResult> WithContextAsync<TResult>(Func<DbContext, Task<TResult>> action) => (_reopened ?? _application).QueryAsync(action);

    public override Task ChangeStampAsync(DbContext context, string stamp) => context.Set<AppUser<TKey>>()
        .Where(user => user.UserName == "ada@example.com").ExecuteUpdateAsync(users => users.SetProperty(user => user.SecurityStamp, stamp));

    public override Task DeleteUserAsync(DbContext context) => context.Set<AppUser<TKey>>().Where(user => user.UserName == "ada@example.com").ExecuteDeleteAsync();

    // The server is killed, and so is the application, as far as it is concerned.
    public override async Task ReopenAsync()
    {
        await _server.KillAsync();
        await _server.StartAgainAsync();
        _reopened = await StockApplication<TKey>.StartAsync(new() { Store = TestedStore.PostgreSql, ConnectionString = _application.ConnectionString });
    }

    public override Task TakeAwayAsync() => _server.StopAsync();

    public override async ValueTask DisposeAsync()
    {
        if (_reopened is not null)
        {
            await _reopened.DisposeAsync();
        }

        await _application.DisposeAsync();
    }
}
