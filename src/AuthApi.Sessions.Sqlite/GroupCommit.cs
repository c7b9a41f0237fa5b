using System.Data.Common;
using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// The one writer of what must be durable before it is answered. It takes whatever writes are waiting, runs them in one
/// transaction and commits once, so that a hundred logouts at a time share one sync of the disk; a write that comes
/// alone waits for nobody. There is no timer: a batch is what gathered while the last one was being committed.
/// </summary>
/// <remarks>
/// A write that has been handed over is carried out whether or not its caller stays to hear of it.
/// Each write may run twice (once in a batch that failed because of another, once alone), so it must do all it does
/// through the connection that it is given.
/// </remarks>
internal sealed partial class GroupCommit : IHostedService
{
    private const int MaxBatch = 256;

    /// <summary>How long the store may take to close.</summary>
    public static readonly TimeSpan TimeToClose = TimeSpan.FromSeconds(10);

    private readonly LogThrottle _failures = new(TimeProvider.System);
    private readonly SqliteDatabase _database;
    private readonly OpenStoreFiles _files;
    private readonly WriteSlot _slot;
    private readonly StorageMetrics _metrics;
    private readonly ILogger<GroupCommit> _logger;
    private readonly Channel<Write> _waiting = Channel.CreateUnbounded<Write>(new() { SingleReader = true });
    private Task _writer = Task.CompletedTask;
    private PreparedConnection? _connection;

    public GroupCommit(SqliteDatabase database, OpenStoreFiles files, WriteSlot slot, StorageMetrics metrics, ILogger<GroupCommit> logger) =>
        (_database, _files, _slot, _metrics, _logger) = (database, files, slot, metrics, logger);

    /// <summary>Raised on the writer's thread, which waits for it, when a batch is durable: how many writes it had.</summary>
    public event Action<int>? Committed;

    /// <summary>Runs <paramref name="write"/> and completes with its result when that is durable.</summary>
    /// <exception cref="StoreUnavailableException">The writer has stopped, because the program is ending.</exception>
    /// <exception cref="DbException">The store refused a statement, and nothing of this write was kept.</exception>
    public Task<TResult> WriteAsync<TResult>(Func<PreparedConnection, Task<TResult>> write) => WriteAsync(new Write<TResult>(write));

    /// <summary>Has the writer save what was committed to files that were removed or replaced; it does so before each batch, and has nothing to write here.</summary>
    /// <exception cref="StoreUnavailableException">The files are not in place afterwards either.</exception>
    /// <exception cref="DbException">The disk refused it.</exception>
    public Task<bool> SaveFilesAsync() => WriteAsync(_ => Task.FromResult(true));

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // A thread of its own: SQLite blocks the one it runs on, and the pool's are for requests.
        _writer = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return Task.CompletedTask;
    }

    /// <summary>
    /// Accepts no more writes and returns when those that were accepted are durable and the files are closed. That has time of its own: the
    /// token is cancelled where the server used up the time for the shutdown.
    /// </summary>
    /// <exception cref="TimeoutException">It took longer.</exception>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _waiting.Writer.TryComplete();
        await _writer.WaitAsync(TimeToClose, CancellationToken.None);
        Log.Closed(_logger);
    }

    private void Run()
    {
        var batch = new List<Write>(MaxBatch);
        while (_waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            // What arrives while a database context writes is in the batch too.
            _slot.EnterAsync().GetAwaiter().GetResult();
            batch.Clear();
            while (batch.Count < MaxBatch && _waiting.Reader.TryRead(out var write))
            {
                batch.Add(write);
            }

            CommitAsync(batch).GetAwaiter().GetResult();
            _slot.Exit();
        }

        CloseAsync().GetAwaiter().GetResult();
        CloseFilesAsync().GetAwaiter().GetResult();
    }

    private async Task CloseFilesAsync()
    {
        try
        {
            await _files.CloseAsync();
        }
        catch (Exception exception)
        {
            Log.LogNotCopied(_logger, exception.Message);
        }
    }

    /// <returns>Whether the store is in reach.</returns>
    private async Task<bool> CommitAsync(List<Write> batch)
    {
        try
        {
            await CommitOnceAsync(batch);
        }
        catch (Exception exception) when (StoreFailures.IsOutOfReach(exception))
        {
            if (_failures.IsDue(out var suppressed))
            {
                Log.BatchFailed(_logger, batch.Count, exception.Message, suppressed);
            }

            Fail(batch, exception);

            // What arrived while this batch waited for the store has waited long enough.
            while (_waiting.Reader.TryRead(out var write))
            {
                write.Fail(exception);
            }

            return false;
        }
        catch (Exception exception) when (batch.Count > 1)
        {
            // One write was refused and took the others down with it: each for itself.
            Log.BatchSplit(_logger, batch.Count, exception);
            for (var i = 0; i < batch.Count; i++)
            {
                if (!await CommitAsync([batch[i]]))
                {
                    Fail(batch[i..], new StoreUnavailableException("The store went out of reach."));
                    return false;
                }
            }
        }
        catch (Exception exception)
        {
            Fail(batch, exception);
        }

        return true;
    }

    private async Task CommitOnceAsync(List<Write> batch)
    {
        var began = Stopwatch.GetTimestamp();
        try
        {
            await EnsureInPlaceAsync();
            var connection = await OpenAsync();

            // The write lock is taken here, at the start, so that no write in the batch can find it gone half-way.
            await connection.Prepare("BEGIN IMMEDIATE").ExecuteNonQueryAsync();
            foreach (var write in batch)
            {
                await write.RunAsync(connection);
            }

            await connection.Prepare("COMMIT").ExecuteNonQueryAsync();

            // A commit to files that nobody will find again is none.
            await EnsureInPlaceAsync();
        }
        catch
        {
            await CloseAsync();
            throw;
        }

        _metrics.Committed(batch.Count, Stopwatch.GetElapsedTime(began));
        Committed?.Invoke(batch.Count);
        foreach (var write in batch)
        {
            write.Complete();
        }
    }

    private async Task EnsureInPlaceAsync()
    {
        if (!_files.AreInPlace)
        {
            await CloseAsync();
            await _files.SaveAsync();
        }
    }

    // One connection, kept open, so that its statements stay prepared. After a failure the next batch starts with another.
    private async Task<PreparedConnection> OpenAsync()
    {
        if (_connection is not null)
        {
            return _connection;
        }

        return _connection = await PreparedConnection.OpenForWritingAsync(_database, _files);
    }

    private async Task CloseAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    private static void Fail(List<Write> batch, Exception exception)
    {
        foreach (var write in batch)
        {
            write.Fail(exception);
        }
    }

    private Task<TResult> WriteAsync<TResult>(Write<TResult> write) => _waiting.Writer.TryWrite(write)
        ? write.Task
        : Task.FromException<TResult>(new StoreUnavailableException("The program is ending and takes no more writes."));

    private abstract class Write
    {
        public abstract Task RunAsync(PreparedConnection connection);

        public abstract void Complete();

        public abstract void Fail(Exception exception);
    }

    private sealed class Write<TResult>(Func<PreparedConnection, Task<TResult>> write) : Write
    {
        // Continuations run elsewhere: the writer must not be held up by what its callers do next.
        private readonly TaskCompletionSource<TResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TResult _result = default!;

        public Task<TResult> Task => _completion.Task;

        public override async Task RunAsync(PreparedConnection connection) => _result = await write(connection);

        public override void Complete() => _completion.TrySetResult(_result);

        public override void Fail(Exception exception) => _completion.TrySetException(exception);
    }

    private static partial class Log
    {
        [LoggerMessage(101, LogLevel.Error, "The store is out of reach, and {Count} writes were not made: {Message} This is logged once a minute; {Suppressed} more batches failed since the last time.")]
        public static partial void BatchFailed(ILogger logger, int count, string message, long suppressed);

        [LoggerMessage(114, LogLevel.Information, "The store is closed: every write that was accepted is durable.")]
        public static partial void Closed(ILogger logger);

        [LoggerMessage(113, LogLevel.Warning, "The write-ahead log could not be copied into the database file at the end: {Message}")]
        public static partial void LogNotCopied(ILogger logger, string message);

        [LoggerMessage(102, LogLevel.Debug, "One of {Count} writes was refused; each is made alone.")]
        public static partial void BatchSplit(ILogger logger, int count, Exception exception);
    }
}
