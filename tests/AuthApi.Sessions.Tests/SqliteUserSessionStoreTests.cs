using System.Buffers.Text;
using System.Net;
using System.Text;
using AuthApi.Sessions.Sqlite;
using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>The SQLite store on a real file, with users whose ids are of each type that Identity's are.</summary>
[TestFixture(typeof(string))]
[TestFixture(typeof(Guid))]
[TestFixture(typeof(int))]
[TestFixture(typeof(long))]
public sealed class SqliteUserSessionStoreTests<TKey> : UserSessionStoreTests
    where TKey : IEquatable<TKey>
{
    protected override async Task<StoreUnderTest> CreateStoreAsync() => await SqliteStoreUnderTest<TKey>.CreateAsync();
}

/// <summary>What the SQLite store does beyond the contract of stores.</summary>
internal sealed class SqliteUserSessionStoreTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private StockApplication _application = null!;
    private IUserSessionStore _store = null!;
    private string _userId = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = await StockApplication.StartAsync();
        using var browser = _application.NewBrowser();
        _userId = await browser.SignUpAsync();
        _store = _application.Services.GetRequiredService<IUserSessionStore>();
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task A_session_used_during_its_cleanup_stays()
    {
        var first = await StartAsync(Now.AddHours(-3));
        var second = await StartAsync(Now.AddHours(-3));
        await using var batches = _store.DeleteExpiredAsync(Now, batch: 2).GetAsyncEnumerator();
        await _application.QueryAsync(async context =>
        {
            // The writer is held, and with it the deletion of what was found; meanwhile a last use of one of them comes in before it.
            await using var transaction = await context.Database.BeginTransactionAsync();
            var deleted = batches.MoveNextAsync();
            await context.Database.ExecuteSqlAsync($"""UPDATE "UserSessions" SET "IdleExpiresAt" = {Now.AddMinutes(30).ToUnixTimeMilliseconds()} WHERE "Id" = {second.Id}""");
            await transaction.CommitAsync();
            return await deleted;
        });

        Assert.That(batches.Current.Select(session => session.TokenHash), Is.EqualTo(new[] { first.TokenHash }));
        Assert.That((await _application.StoredSessionsAsync()).Select(session => session.Id), Is.EqualTo(new[] { second.Id }));
    }

    [Test]
    public async Task The_token_is_in_no_file_and_the_stored_hash_opens_nothing()
    {
        using var browser = _application.NewBrowser();
        await browser.LogInAsync();
        var hash = (await _application.StoredSessionsAsync()).Single().TokenHash.ToArray();

        foreach (var file in new[] { _application.DatabaseFile, _application.DatabaseFile + "-wal", _application.DatabaseFile + "-shm" })
        {
            var content = await ReadSharedAsync(file);
            Assert.That(content.AsSpan().IndexOf(Encoding.ASCII.GetBytes(browser.Token)), Is.EqualTo(-1), file);
            Assert.That(content.AsSpan().IndexOf(Base64Url.DecodeFromChars(browser.Token)), Is.EqualTo(-1), file);
        }

        browser.Cookies["__Host-session"] = Base64Url.EncodeToString(hash);
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    // The users' key is text here: that of the program, a number, is the table's own.
    [TestCase("SELECT * FROM UserSessions WHERE Key = 1 AND TokenHash = x'00'", "UserSessions USING INTEGER PRIMARY KEY (rowid=?)")]
    [TestCase("SELECT s.Id, u.Id FROM UserSessions s JOIN AspNetUsers u ON u.Id = s.UserId WHERE s.Key = 1 AND s.TokenHash = x'00'", "s USING INTEGER PRIMARY KEY (rowid=?)", "u USING COVERING INDEX sqlite_autoindex_AspNetUsers_1 (Id=?)")]
    [TestCase("SELECT * FROM UserSessions WHERE UserId = 1", "UserSessions USING INDEX IX_UserSessions_UserId_Id (UserId=?)")]
    [TestCase("UPDATE UserSessions SET LastSeenAt = 1 WHERE UserId = 1 AND Id = 'x'", "UserSessions USING INDEX IX_UserSessions_UserId_Id (UserId=? AND Id=?)")]
    [TestCase("DELETE FROM UserSessions WHERE UserId = 1 AND Id = 'x' AND IdleExpiresAt <= 1 RETURNING TokenHash", "UserSessions USING INDEX IX_UserSessions_UserId_Id (UserId=? AND Id=?)")]
    [TestCase("SELECT * FROM AuditEntries WHERE UserId = 1 AND Id < 9 ORDER BY Id DESC LIMIT 5", "AuditEntries USING INDEX IX_AuditEntries_UserId_Id (UserId=? AND Id<?)")]
    [TestCase("UPDATE UserSessions SET PrincipalVersion = PrincipalVersion + 1 WHERE UserId = 1", "UserSessions USING INDEX IX_UserSessions_UserId_Id (UserId=?)")]
    [TestCase("SELECT count(*) FROM AspNetUsers WHERE Id = 'x' AND ('s' IS NULL OR SecurityStamp = 's')", "AspNetUsers USING INDEX sqlite_autoindex_AspNetUsers_1 (Id=?)")]
    [TestCase("SELECT count(*) FROM AuditEntries WHERE UserId = 'x' AND SessionId = 'y' AND Event = 'SignedIn'", "AuditEntries USING INDEX IX_AuditEntries_UserId_Id (UserId=?)")]
    public async Task Every_query_uses_an_index(string query, params string[] searches)
    {
        await using var connection = new SqliteConnection($"Data Source={_application.DatabaseFile};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "EXPLAIN QUERY PLAN " + query;
        await using var reader = await command.ExecuteReaderAsync();
        var steps = new List<string>();
        while (await reader.ReadAsync())
        {
            steps.Add(reader.GetString(3));
        }

        // Whatever else a step says, it does not go through a table row by row.
        Assert.That(steps.Where(step => step.StartsWith("SEARCH", StringComparison.Ordinal)), Is.EqualTo(searches.Select(search => "SEARCH " + search)));
        Assert.That(steps, Has.None.StartsWith("SCAN").And.None.Contains("TEMP B-TREE"));
    }

    [TestCase(5, true)]
    [TestCase(6, true)]
    [TestCase(7, true)]
    [TestCase(8, true)]
    [TestCase(10, true)]
    [TestCase(11, true)]
    [TestCase(13, true)]
    [TestCase(14, true)]
    [TestCase(15, true)]
    [TestCase(26, true)]
    [TestCase(1, false, Description = "a wrong statement")]
    [TestCase(19, false, Description = "a constraint")]
    public void An_error_of_SQLite_says_whether_it_is_out_of_reach(int code, bool isOutOfReach)
    {
        var exception = new SqliteException("error", code);

        Assert.That(StoreFailures.IsOutOfReach(exception), Is.EqualTo(isOutOfReach));
        Assert.That(_store.IsOutOfReach(new DbUpdateException("not saved", exception)), Is.EqualTo(isOutOfReach));
    }

    [Test]
    public async Task Tables_of_other_names_are_used()
    {
        await using var application = await RenamedApplication.StartAsync();
        using var browser = await application.NewLoggedInBrowserAsync();
        using var copy = browser.Copy();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));

        using var logout = await browser.LogOutAsync();

        Assert.That(await copy.MeAsync(), Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(
            await application.QueryAsync(context => context.Database.SqlQuery<string>($"""SELECT "Event" AS "Value" FROM "Logins and logouts" ORDER BY "Id" """).ToListAsync()),
            Is.EqualTo(new[] { AuditEvent.SignedIn, AuditEvent.SignedOut }));
    }

    private static async Task<byte[]> ReadSharedAsync(string file)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var content = new MemoryStream();
        await stream.CopyToAsync(content);
        return content.ToArray();
    }

    private async Task<UserSession> StartAsync(DateTimeOffset at)
    {
        var session = SessionExamples.New(_userId, at);
        await _store.StartAsync(session, SessionExamples.Start());
        return session;
    }

    private sealed class RenamedDbContext(DbContextOptions<RenamedDbContext> options)
        : Microsoft.AspNetCore.Identity.EntityFrameworkCore.IdentityDbContext<AppUser>(options)
    {
        protected override void OnModelCreating(ModelBuilder builder)
        {
            base.OnModelCreating(builder);
            builder.Entity<AppUser>().ToTable("people");
            builder.Entity<AppUser>().Property(user => user.SecurityStamp).HasColumnName("stamp");
            builder.Entity<AppUser>().Property(user => user.Id).HasColumnName("user id");
            builder.AddServerSideSessions<AppUser>();
            builder.Entity<UserSession>().ToTable("live sessions");
            builder.Entity<AuditEntry>().ToTable("Logins and logouts");
        }
    }

    private sealed class RenamedApplication : StockApplication<AppUser, IdentityRole, RenamedDbContext>
    {
        private RenamedApplication() : base(new AppSetup())
        {
        }

        public static async Task<RenamedApplication> StartAsync()
        {
            var application = new RenamedApplication();
            await application.RunAsync();
            return application;
        }
    }
}

/// <summary>The SQLite store of a stock application.</summary>
internal sealed class SqliteStoreUnderTest<TKey> : StoreUnderTest
    where TKey : IEquatable<TKey>
{
    private readonly TemporaryFolder _folder = new();
    private StockApplication<TKey> _application = null!;
    private string _userId = null!;
    private string _otherUserId = null!;
    private string _securityStamp = null!;

    private SqliteStoreUnderTest()
    {
    }

    public override IUserSessionStore Store => _application.Services.GetRequiredService<IUserSessionStore>();

    public override string UserId => _userId;

    public override string SecurityStamp => _securityStamp;

    public override string OtherUserId => _otherUserId;

    public override string UnknownUserId { get; } = typeof(TKey) == typeof(Guid) || typeof(TKey) == typeof(string) ? Guid.CreateVersion7().ToString() : "999";

    public static async Task<SqliteStoreUnderTest<TKey>> CreateAsync()
    {
        var tested = new SqliteStoreUnderTest<TKey>();
        tested._application = await StockApplication<TKey>.StartAsync(new() { Folder = tested._folder.Path });
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

    public override Task<TResult> WithContextAsync<TResult>(Func<DbContext, Task<TResult>> action) => _application.QueryAsync(action);

    public override Task ChangeStampAsync(DbContext context, string stamp) => context.Set<AppUser<TKey>>()
        .Where(user => user.UserName == "ada@example.com").ExecuteUpdateAsync(users => users.SetProperty(user => user.SecurityStamp, stamp));

    public override Task DeleteUserAsync(DbContext context) => context.Set<AppUser<TKey>>().Where(user => user.UserName == "ada@example.com").ExecuteDeleteAsync();

    // What a process that is killed leaves: the files as they are.
    public override async Task ReopenAsync()
    {
        var left = Crash.Copy(_folder.Path);
        await _application.DisposeAsync();
        foreach (var file in Directory.EnumerateFiles(left.Path))
        {
            File.Copy(file, Path.Combine(_folder.Path, Path.GetFileName(file)), overwrite: true);
        }

        left.Dispose();
        _application = await StockApplication<TKey>.StartAsync(new() { Folder = _folder.Path });
    }

    public override Task TakeAwayAsync()
    {
        File.Move(_application.DatabaseFile, _application.DatabaseFile + ".away");
        return Task.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>What a process that is killed leaves behind.</summary>
internal static class Crash
{
    /// <summary>Copies the database and its log as they lie in a folder at this moment.</summary>
    public static TemporaryFolder Copy(string folder)
    {
        var copy = new TemporaryFolder();
        foreach (var suffix in new[] { "", "-wal" })
        {
            var file = Path.Combine(folder, "app.db" + suffix);
            if (File.Exists(file))
            {
                File.Copy(file, Path.Combine(copy.Path, "app.db" + suffix));
            }
        }

        return copy;
    }
}
