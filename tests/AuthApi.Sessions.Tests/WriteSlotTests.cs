using System.Diagnostics;
using System.Net;
using AuthApi.Sessions.Sqlite;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Sessions.Tests;

/// <summary>The writer and the database contexts of requests take turns.</summary>
internal sealed class WriteSlotTests
{
    private StockApplication _application = null!;
    private GroupCommit _commits = null!;

    [SetUp]
    public async Task SetUp()
    {
        _application = await StockApplication.StartAsync(AppSetup.WithExceptionHandler);
        _commits = _application.Services.GetRequiredService<GroupCommit>();
    }

    [TearDown]
    public async Task TearDown() => await _application.DisposeAsync();

    [Test]
    [CancelAfter(60_000)]
    public async Task Registrations_behind_writes_on_a_slow_disk_are_served()
    {
        // As of 60 clients that log out all the time, where each commit takes 25 ms.
        using var done = new CancellationTokenSource();
        var writes = Enumerable.Range(0, 60).Select(async client =>
        {
            while (!done.IsCancellationRequested)
            {
                await _commits.WriteAsync(async connection =>
                {
                    // One in each batch waits for the disk.
                    await Task.Delay(client == 0 ? 25 : 0);
                    return true;
                });
            }
        }).ToList();

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(async index =>
        {
            using var browser = _application.NewBrowser();
            using var response = await browser.PostAsync("/register/", new { email = $"user{index}@example.com", password = Browser.Password });
            return response.StatusCode;
        }));
        await done.CancelAsync();
        await Task.WhenAll(writes);

        Assert.That(answers, Is.All.EqualTo(HttpStatusCode.Created));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_refused_save_leaves_the_slot()
    {
        using var browser = _application.NewBrowser();
        await browser.SignUpAsync();
        for (var i = 0; i < 3; i++)
        {
            Assert.That(() => _application.QueryAsync(async context =>
            {
                context.Users.Add(new AppUser { NormalizedUserName = "ADA@EXAMPLE.COM" });
                return await context.SaveChangesAsync();
            }), Throws.InstanceOf<DbUpdateException>());
            await _application.QueryAsync(async context =>
            {
                // Left without a commit.
                await using var transaction = await context.Database.BeginTransactionAsync();
                return true;
            });
        }

        await browser.LogInAsync();
        await _application.NewBrowser().SignUpAsync("eve@example.com");
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_context_that_writes_lets_the_writer_wait()
    {
        Task<bool> write = null!;
        await _application.QueryAsync(async context =>
        {
            await using var transaction = await context.Database.BeginTransactionAsync();
            write = _commits.WriteAsync(_ => Task.FromResult(true));
            context.Users.Add(new AppUser { NormalizedUserName = "EVE@EXAMPLE.COM" });
            await context.SaveChangesAsync();

            // In SQLite it would wait too, and be refused after two seconds.
            var busy = TimeSpan.FromSeconds(SqliteConnectionPreparation.BusyTimeoutSeconds + 0.3);
            Assert.That(await Task.WhenAny(write, Task.Delay(busy)), Is.Not.SameAs(write));
            await transaction.CommitAsync();
            return true;
        });

        Assert.That(await write, Is.True);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_statement_without_a_transaction_waits_in_order()
    {
        // In SQLite it would wait on the thread of its caller, and be refused after two seconds.
        var (begun, end) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource<bool>());
        var write = _commits.WriteAsync(_ =>
        {
            begun.SetResult();
            return end.Task;
        });
        await begun.Task;
        var update = UpdateAsync();
        Assert.That((update.IsCompleted, write.IsCompleted), Is.EqualTo((false, false)));
        end.SetResult(true);
        Assert.That((await write, await update), Is.EqualTo((true, 0)));

        // One that fails, or is stopped while it waits, leaves the slot to the next.
        await Assert.ThrowsAsync<SqliteException>(() => _application.QueryAsync(context => context.Database.ExecuteSqlRawAsync("DELETE FROM nothing")));
        await _application.QueryAsync(async context =>
        {
            await using var transaction = await context.Database.BeginTransactionAsync();
            using var stop = new CancellationTokenSource();
            var stopped = UpdateAsync(stop.Token);
            await stop.CancelAsync();
            Assert.That(() => stopped, Throws.InstanceOf<OperationCanceledException>());
            return true;
        });
        Assert.That(await UpdateAsync(), Is.Zero);
        Assert.That(await _application.QueryAsync(context => Task.FromResult(context.Users.ExecuteDelete())), Is.Zero);
        Assert.That(await _commits.WriteAsync(_ => Task.FromResult(true)), Is.True);

        Task<int> UpdateAsync(CancellationToken cancellationToken = default) => _application.QueryAsync(
            context => context.Users.ExecuteUpdateAsync(users => users.SetProperty(user => user.AccessFailedCount, 0), cancellationToken));
    }

    [TestCase("/register/", "eve@example.com")]
    [TestCase("/login/", "ada@example.com")]
    [CancelAfter(60_000)]
    public async Task A_locked_file_is_a_503_within_three_seconds(string path, string email)
    {
        using var browser = _application.NewBrowser();
        await browser.SignUpAsync();
        await _application.QueryAsync(context => context.Users.ExecuteUpdateAsync(users => users.SetProperty(user => user.AccessFailedCount, 3)));
        await using var connection = new SqliteConnection($"Data Source={_application.DatabaseFile};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "BEGIN IMMEDIATE";
        await command.ExecuteNonQueryAsync();

        var watch = Stopwatch.StartNew();
        using var response = await browser.PostAsync(path, new { email, password = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(3)));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task The_waits_of_one_request_do_not_add_up()
    {
        var accessor = new HttpContextAccessor { HttpContext = new DefaultHttpContext() };
        var never = new TaskCompletionSource<bool>();
        var watch = Stopwatch.StartNew();

        Assert.That(() => StoreWaitBudget.WaitForCommitAsync(never.Task), Throws.TypeOf<StoreUnavailableException>());
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(3)));
        watch.Restart();
        Assert.That(() => StoreWaitBudget.WaitForCommitAsync(never.Task), Throws.TypeOf<StoreUnavailableException>());
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(0.5)));

        accessor.HttpContext = new DefaultHttpContext();
        Assert.That(await StoreWaitBudget.WaitForCommitAsync(Task.FromResult(true)), Is.True);
    }
}
