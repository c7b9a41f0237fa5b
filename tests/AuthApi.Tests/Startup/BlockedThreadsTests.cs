using System.Data.Common;
using System.Net;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace AuthApi.Tests.Startup;

/// <summary>Whether anybody is answered while SQLite blocks the threads of others. The pool is the test's own, too.</summary>
[NonParallelizable]
internal sealed class BlockedThreadsTests
{
    private static readonly int Usual = 2 * Environment.ProcessorCount;

    [Test]
    [CancelAfter(60_000)]
    public async Task WhoeverIsSignedInIsAnsweredWhileOthersWaitForTheStoresLock(CancellationToken cancellationToken)
    {
        var inserts = new Inserts();
        await using var application = new AuthApiApplication(services => services.AddSingleton<IInterceptor>(inserts));
        using var browser = await application.NewLoggedInBrowserAsync();
        await browser.MeAsync();
        await using var other = new SqliteConnection($"Data Source={application.DatabaseFile};Pooling=False");
        await other.OpenAsync(cancellationToken);
        await ExecuteAsync(other, "BEGIN IMMEDIATE");
        var before = inserts.Begun;

        // Each blocks a thread for the two seconds that it waits for the lock.
        var waiting = Enumerable.Range(0, 4 * Usual).Select(async number =>
        {
            using var stranger = application.NewBrowser();
            using var response = await stranger.PostAsync("/register/", new { email = $"bob{number}@example.com", password = Browser.Password });
            return response.StatusCode;
        }).ToList();

        // More at the same time than there would be threads.
        while (inserts.Begun - before - waiting.Count(registration => registration.IsCompleted) <= Usual)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        }

        await ExecuteAsync(other, "ROLLBACK");
        Assert.That(await Task.WhenAll(waiting), Is.All.AnyOf(HttpStatusCode.Created, HttpStatusCode.ServiceUnavailable));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task ThePoolHasTwoThreadsACoreAndIsGivenBackAsItWas(CancellationToken cancellationToken)
    {
        var before = Threads();

        await using (var application = new AuthApiApplication())
        {
            using var browser = application.NewBrowser();
            do
            {
                // A slow start can look like blocked threads; there are more then, for a while.
                cancellationToken.ThrowIfCancellationRequested();
                await browser.MeAsync();
            }
            while (Threads().Most != Usual);
        }

        Assert.That(Threads(), Is.EqualTo(before));
    }

    private static (int Least, int Most) Threads()
    {
        ThreadPool.GetMinThreads(out var least, out _);
        ThreadPool.GetMaxThreads(out var most, out _);
        return (least, most);
    }

    private static async Task ExecuteAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    private sealed class Inserts : DbCommandInterceptor
    {
        private int _begun;

        public int Begun => Volatile.Read(ref _begun);

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            if (command.CommandText.StartsWith("INSERT INTO \"AspNetUsers\"", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _begun);
            }

            return new(result);
        }
    }
}
