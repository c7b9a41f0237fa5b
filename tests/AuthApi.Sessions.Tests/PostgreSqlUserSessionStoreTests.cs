using System.Buffers.Text;
using System.Transactions;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
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
    public async Task StartServerAsync() => _server = await PostgreSqlServer.StartAsync(typeof(TKey) == typeof(string) ? [] : PostgreSqlServer.WithoutSyncs);

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

        // One database, emptied for each test: another one takes a second.
        if (_database is null)
        {
            _database = await StockApplication<TKey>.CreateDatabaseAsync(_server);
        }

        await _server.ExecuteAsync(_database, """DELETE FROM "AspNetUsers"; DELETE FROM "AuditEntries" """);
        return await PostgreSqlStoreUnderTest<TKey>.CreateAsync(_server, _database);
    }
}

/// <summary>What the PostgreSQL store does beyond the contract of stores.</summary>
internal sealed class PostgreSqlUserSessionStoreTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly SessionEnd Logout = new(AuditEvent.SignedOut);

    private StockApplication _application = null!;
    private IUserSessionStore _store = null!;
    private string _userId = null!;
    private string _otherUserId = null!;

    [OneTimeSetUp]
    public void RequireServer() => PostgreSqlServer.Require();

    [SetUp]
    public async Task SetUp()
    {
        _application = await StockApplication.StartAsync(new() { Store = TestedStore.PostgreSql });
        using var browser = _application.NewBrowser();
        (_userId, _otherUserId) = (await browser.SignUpAsync(), await browser.SignUpAsync("eve@example.com"));
        _store = _application.Services.GetRequiredService<IUserSessionStore>();
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task A_locked_row_holds_up_its_own_end_and_no_other()
    {
        var (locked, other) = (await StartAsync(_userId), await StartAsync(_otherUserId));
        Task<EndedSession?> waiting = null!;
        await WithLockAsync(locked, async () =>
        {
            waiting = _store.EndAsync(_userId, locked.Id, Logout, Now);
            Assert.That(await _store.EndAsync(_otherUserId, other.Id, Logout, Now), Is.Not.Null);
            Assert.That(waiting.IsCompleted, Is.False);
        });

        Assert.That(await waiting, Is.Not.Null);
        Assert.That(await _store.FindAsync(locked.TokenHash), Is.Null);
    }

    [Test]
    public async Task A_row_that_stays_locked_is_out_of_reach_and_frees_its_wait()
    {
        var locked = await StartAsync(_userId);
        await WithLockAsync(locked, async () =>
        {
            var exception = await Assert.CatchAsync(() => _store.EndAsync(_userId, locked.Id, Logout, Now));
            Assert.That(_store.IsOutOfReach(exception), Is.True, exception!.ToString());
            Assert.That(
                await QueryAsync("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"),
                Is.EqualTo(new[] { "0" }));
        });

        Assert.That(await _store.EndAsync(_userId, locked.Id, Logout, Now), Is.Not.Null);
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task A_last_use_beside_a_lock_is_not_lost(CancellationToken cancellationToken)
    {
        var (locked, other) = (await StartAsync(_userId), await StartAsync(_otherUserId));
        Task writing = null!;
        await WithLockAsync(locked, async () =>
        {
            writing = _store.WriteLastSeenAsync([Use(locked), Use(other)]);
            while ((await _store.FindAsync(other.TokenHash))!.LastSeenAt == Now)
            {
                await Task.Delay(1, cancellationToken);
            }
        });

        await writing;
        Assert.That((await _store.FindAsync(locked.TokenHash))!.LastSeenAt, Is.EqualTo(Now.AddMinutes(1)));

        static LastSeen Use(UserSession session) => new(session.UserId, session.Id, Now.AddMinutes(1), Now.AddMinutes(31), default);
    }

    [Test]
    public async Task A_refused_end_takes_no_other_with_it()
    {
        var sessions = new List<UserSession>();
        for (var i = 0; i < 20; i++)
        {
            sessions.Add(await StartAsync(_userId));
        }

        // A text has no NUL here.
        var ends = sessions.ConvertAll(session => _store.EndAsync(_userId, session.Id, session == sessions[7] ? Logout with { Reason = "\0" } : Logout, Now));

        await Assert.ThatAsync(() => Task.WhenAll(ends), Throws.InstanceOf<Npgsql.PostgresException>());
        Assert.That((await _store.ListAsync(_userId)).Select(session => session.Id), Is.EqualTo(new[] { sessions[7].Id }));
    }

    [TestCase(System.Data.IsolationLevel.RepeatableRead)]
    [TestCase(System.Data.IsolationLevel.Serializable)]
    public async Task A_change_that_would_not_see_new_sessions_is_refused(System.Data.IsolationLevel level)
    {
        await StartAsync(_userId);

        await _application.WithScopeAsync(async provider =>
        {
            var (context, users) = (provider.GetRequiredService<AppDbContext>(), provider.GetRequiredService<UserManager<AppUser>>());
            await using var transaction = await context.Database.BeginTransactionAsync(level);
            var user = (await users.FindByIdAsync(_userId))!;
            await StartAsync(_userId);

            await Assert.ThatAsync(() => users.UpdateSecurityStampAsync(user), Throws.InvalidOperationException.With.Message.Contains(level.ToString()).And.Message.Contains("ReadCommitted"));
        });

        Assert.That(await _store.ListAsync(_userId), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A_user_deleted_in_a_scope_leaves_events()
    {
        await StartAsync(_userId);

        await _application.WithScopeAsync(async provider =>
        {
            var users = provider.GetRequiredService<UserManager<AppUser>>();
            using var scope = new TransactionScope(
                TransactionScopeOption.Required, new TransactionOptions { IsolationLevel = System.Transactions.IsolationLevel.ReadCommitted }, TransactionScopeAsyncFlowOption.Enabled);
            Assert.That((await users.DeleteAsync((await users.FindByIdAsync(_userId))!)).Succeeded);
            scope.Complete();
        });

        Assert.That((await _application.EntriesAsync(_userId)).Select(entry => entry.Reason), Has.Member("account_deleted"));
        Assert.That(await _store.ListAsync(_userId), Is.Empty);
    }

    [Test]
    public async Task A_user_who_cannot_be_read_takes_no_other_with_them()
    {
        await using var application = await StockApplication.StartAsync(new()
        {
            Store = TestedStore.PostgreSql,
            ConnectionString = _application.ConnectionString,
            Services = services => services.AddSingleton<ISessionUserReader, NameReader>(),
        });
        var store = application.Services.GetRequiredService<IUserSessionStore>();
        var (readable, other) = (new List<UserSession>(), await StartAsync(_otherUserId));
        for (var i = 0; i < 20; i++)
        {
            readable.Add(await StartAsync(_userId));
        }

        // The first goes alone, the others together.
        var found = readable.Select(session => store.FindAsync(session.TokenHash)).ToList();
        var unreadable = store.FindAsync(other.TokenHash);
        found.AddRange(readable.Select(session => store.FindAsync(session.TokenHash)));

        var exception = await Assert.CatchAsync(() => unreadable);
        Assert.That(exception, Is.TypeOf<FormatException>());
        Assert.That(store.IsOutOfReach(exception), Is.False);
        Assert.That((await Task.WhenAll(found)).Select(session => session?.User), Is.All.EqualTo("ada@example.com"));
        Assert.That(await store.FindAsync(SessionToken.Create().Hash), Is.Null);
    }

    [Test]
    public async Task Starts_ends_and_changes_of_a_user_do_not_block_each_other()
    {
        var rounds = Enumerable.Range(0, 8).Select(async _ =>
        {
            for (var i = 0; i < 20; i++)
            {
                await _store.StartAsync(SessionExamples.New(_userId, Now), SessionExamples.Start(maxPerUser: 5));
                await _store.EndAllAsync(_userId, new SessionEnd(AuditEvent.SessionRevoked), Now, except: null);
                await _application.QueryAsync(async context =>
                {
                    await using var transaction = await context.Database.BeginTransactionAsync();
                    await _store.RaisePrincipalVersionAsync(context.Database.GetDbConnection(), transaction.GetDbTransaction(), i % 5 == 0 ? null : _userId);
                    await transaction.CommitAsync();
                    return true;
                });
            }
        });
        await Task.WhenAll(rounds);

        Assert.That(await QueryAsync("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), Is.EqualTo(new[] { "0" }));
    }

    [Test]
    public async Task Columns_have_the_types_of_PostgreSQL() => Assert.That(
        await QueryAsync(
            """
            SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
            WHERE table_name IN ('UserSessions', 'AuditEntries') ORDER BY table_name DESC, ordinal_position
            """),
        Is.EquivalentTo(new[]
        {
            "UserSessions Key bigint NO",
            "UserSessions Id uuid NO",
            "UserSessions UserId text NO",
            "UserSessions TokenHash bytea NO",
            "UserSessions CreatedAt timestamp with time zone NO",
            "UserSessions LastSeenAt timestamp with time zone NO",
            "UserSessions IdleExpiresAt timestamp with time zone NO",
            "UserSessions AbsoluteExpiresAt timestamp with time zone NO",
            "UserSessions AuthenticatedAt timestamp with time zone NO",
            "UserSessions AuthenticationMethods character varying NO",
            "UserSessions Transport character varying NO",
            "UserSessions RememberMe boolean NO",
            "UserSessions IpAddress character varying YES",
            "UserSessions UserAgent character varying YES",
            "UserSessions LastIpAddress character varying YES",
            "UserSessions LastUserAgent character varying YES",
            "UserSessions PrincipalVersion integer NO",
            "AuditEntries Id bigint NO",
            "AuditEntries At timestamp with time zone NO",
            "AuditEntries Event character varying NO",
            "AuditEntries UserId text YES",
            "AuditEntries SessionId uuid YES",
            "AuditEntries BySessionId uuid YES",
            "AuditEntries Reason character varying YES",
            "AuditEntries IpAddress character varying YES",
            "AuditEntries UserAgent character varying YES",
        }));

    [Test]
    public async Task The_token_is_not_stored_and_the_stored_hash_opens_nothing()
    {
        using var browser = _application.NewBrowser();
        await browser.LogInAsync();
        var hash = (await _application.StoredSessionsAsync()).Single().TokenHash.ToArray();

        var rows = string.Join('\n', await QueryAsync("""SELECT s::text || e::text FROM "UserSessions" AS s, "AuditEntries" AS e"""));
        Assert.That(rows, Does.Not.Contain(browser.Token).And.Not.Contain(Convert.ToHexStringLower(Base64Url.DecodeFromChars(browser.Token))));

        browser.Cookies["__Host-session"] = Base64Url.EncodeToString(hash);
        Assert.That(await browser.MeAsync(), Is.EqualTo(System.Net.HttpStatusCode.Unauthorized));
    }

    private sealed class NameReader : ISessionUserReader
    {
        public string Columns => """u."UserName" """;

        public object Read(System.Data.Common.DbDataReader row, int first) =>
            row.GetString(first) is var name && name.StartsWith("eve", StringComparison.Ordinal) ? throw new FormatException(name) : name;
    }

    private async Task<UserSession> StartAsync(string userId)
    {
        var session = SessionExamples.New(userId, Now);
        await _store.StartAsync(session, SessionExamples.Start());
        return session;
    }

    private Task<bool> WithLockAsync(UserSession session, Func<Task> action) => _application.QueryAsync(async context =>
    {
        await using var transaction = await context.Database.BeginTransactionAsync();
        await context.Database.ExecuteSqlAsync($"""SELECT 1 FROM "UserSessions" WHERE "Id" = {session.Id} FOR UPDATE""");
        await action();
        await transaction.RollbackAsync();
        return true;
    });

    private async Task<List<string>> QueryAsync(string sql) =>
        await (await PostgreSqlServer.SharedAsync()).QueryAsync(new Npgsql.NpgsqlConnectionStringBuilder(_application.ConnectionString).Database!, sql);
}

/// <summary>The mapping of each type of id that Identity's users have.</summary>
[TestFixture(typeof(string), "text")]
[TestFixture(typeof(Guid), "uuid")]
[TestFixture(typeof(int), "integer")]
[TestFixture(typeof(long), "bigint")]
internal sealed class PostgreSqlKeyTypeTests<TKey>(string type)
    where TKey : IEquatable<TKey>
{
    [Test]
    public async Task The_users_id_has_the_type_of_the_users_key()
    {
        var server = await PostgreSqlServer.SharedAsync();

        Assert.That(
            await server.QueryAsync(
                await StockApplication<TKey>.CreateDatabaseAsync(server),
                "SELECT table_name || ' ' || data_type FROM information_schema.columns WHERE table_name IN ('UserSessions', 'AuditEntries') AND column_name = 'UserId' ORDER BY 1"),
            Is.EqualTo(new[] { $"AuditEntries {type}", $"UserSessions {type}" }));
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
        await tested._application.EndCleanupAsync();
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
