using AuthApi.Sessions.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

internal sealed class GroupCommitTests
{
    private StockApplication _application = null!;
    private GroupCommit _commits = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = await StockApplication.StartAsync();
        _commits = _application.Services.GetRequiredService<GroupCommit>();
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    public async Task Pending_writes_are_committed_together()
    {
        // The first write holds the writer while the others gather.
        var (began, gathered, seen) = (new TaskCompletionSource(), new TaskCompletionSource(), new List<int>());
        var first = _commits.WriteAsync(async connection =>
        {
            began.SetResult();
            await gathered.Task;
            return true;
        });

        await began.Task;
        var others = Enumerable.Range(0, 100).Select(index => _commits.WriteAsync(async connection =>
        {
            // Nobody else sees any of them before all of them are there.
            seen.Add(await CountAsync());
            await InsertAsync(connection, $"{index}");
            return index;
        })).ToList();
        gathered.SetResult();

        Assert.That(await Task.WhenAll(others), Is.EqualTo(Enumerable.Range(0, 100)));
        Assert.That(await first, Is.True);
        Assert.That(seen, Has.Count.EqualTo(100).And.All.Zero);
        Assert.That(await CountAsync(), Is.EqualTo(100));
    }

    [Test]
    public async Task A_refused_write_fails_alone_and_the_others_are_committed()
    {
        var gathered = new TaskCompletionSource();
        var first = _commits.WriteAsync(async connection =>
        {
            await gathered.Task;
            return true;
        });
        var refused = _commits.WriteAsync<bool>(async connection =>
        {
            await InsertAsync(connection, "1");
            throw new InvalidOperationException("no");
        });
        var kept = _commits.WriteAsync(async connection =>
        {
            await InsertAsync(connection, "2");
            return true;
        });
        gathered.SetResult();

        Assert.That(() => refused, Throws.InvalidOperationException);
        Assert.That(await first, Is.True);
        Assert.That(await kept, Is.True);
        Assert.That(await _application.QueryAsync(context => context.Set<AuditEntry>().Select(entry => EF.Property<string>(entry, "UserKey")).ToListAsync()), Is.EqualTo(new[] { "2" }));
    }

    [Test]
    public async Task Writes_before_the_stop_are_made_and_later_ones_refused()
    {
        var taken = Enumerable.Range(0, 50).Select(index => _commits.WriteAsync(async connection =>
        {
            await InsertAsync(connection, $"{index}");
            return true;
        })).ToList();

        await _commits.StopAsync(CancellationToken.None);

        Assert.That(taken.Select(write => write.IsCompletedSuccessfully), Is.All.True);
        Assert.That(await CountAsync(), Is.EqualTo(50));
        Assert.That(() => _commits.WriteAsync(_ => Task.FromResult(true)), Throws.TypeOf<StoreUnavailableException>());
    }

    [Test]
    public async Task After_failures_the_writer_continues_at_once()
    {
        // Statements that were prepared on a connection must not outlive it: its handle goes to somebody else.
        for (var i = 0; i < 5; i++)
        {
            var refused = _commits.WriteAsync<bool>(async connection =>
            {
                await InsertAsync(connection, "1");
                throw new InvalidOperationException("no");
            });
            Assert.That(() => refused, Throws.InvalidOperationException);
            await using var scope = _application.Services.CreateAsyncScope();
            var other = scope.ServiceProvider.GetRequiredService<AppDbContext>();
            await other.Database.OpenConnectionAsync();
            await other.Users.CountAsync();
            await using var anotherScope = _application.Services.CreateAsyncScope();
            await anotherScope.ServiceProvider.GetRequiredService<AppDbContext>().Database.OpenConnectionAsync();

            await _commits.WriteAsync(async connection =>
            {
                await InsertAsync(connection, "2");
                return true;
            });
        }

        Assert.That(await CountAsync(), Is.EqualTo(5));
    }

    // Of now: old entries are deleted in the background.
    private Task<int> InsertAsync(PreparedConnection connection, string userId) => connection.Prepare(
        """INSERT INTO "AuditEntries" ("At", "Event", "UserId") VALUES (@p0, @p1, @p2)""", _application.Time.GetUtcNow().ToUnixTimeMilliseconds(), AuditEvent.SignedIn, userId).ExecuteNonQueryAsync();

    private Task<int> CountAsync() => _application.QueryAsync(context => context.Set<AuditEntry>().CountAsync());
}
