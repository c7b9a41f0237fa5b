using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// Copies SQLite's write-ahead log into the database file beside the writer, on a thread of its own, each time some dozens of writes were committed.
/// The writer, which copies a full log before it goes on, then finds little left to copy: no logout waits for tens of milliseconds.
/// </summary>
internal sealed partial class WalCheckpointer(
    GroupCommit commits, SqliteDatabase database, OpenStoreFiles files, ILogger<WalCheckpointer> logger)
    : IHostedService
{
    // A write changes up to seven pages; the writer copies the log itself at 4,000 (PRAGMA wal_autocheckpoint). In a stream of logouts in random order, p99 was 12.5 ms,
    // with twice as many writes 16.5 ms, with half as many 13.5 ms at a lower rate.
    private const int WritesBetween = 125;

    private readonly Channel<bool> _due = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private Task _thread = Task.CompletedTask;
    private PreparedConnection? _connection;
    private int _writes;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        commits.Committed += Count;
        _thread = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        commits.Committed -= Count;
        _due.Writer.TryComplete();

        // Not by the token, which is cancelled where the server used up the time for the shutdown.
        return _thread.WaitAsync(GroupCommit.TimeToClose, CancellationToken.None);
    }

    // Called by the writer only, one batch at a time.
    private void Count(int writes)
    {
        _writes += writes;
        if (_writes >= WritesBetween)
        {
            _writes = 0;
            _due.Writer.TryWrite(true);
        }
    }

    private void Run()
    {
        while (_due.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            _due.Reader.TryRead(out _);
            CheckpointAsync().GetAwaiter().GetResult();
        }

        CloseAsync().GetAwaiter().GetResult();
    }

    private async Task CheckpointAsync()
    {
        try
        {
            if (_connection is { IsCurrent: false })
            {
                await CloseAsync();
            }

            _connection ??= await PreparedConnection.OpenForReadingAsync(database, files);

            // As far as it goes without waiting for a reader or the writer.
            await _connection.Prepare("PRAGMA wal_checkpoint(PASSIVE)").ExecuteNonQueryAsync();
        }
        catch (Exception exception)
        {
            Log.NotCopied(logger, exception.Message);
            await CloseAsync();
        }
    }

    private async Task CloseAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(110, LogLevel.Debug, "The write-ahead log could not be copied beside the writer, which copies it when it is full: {Reason}")]
        public static partial void NotCopied(ILogger logger, string reason);
    }
}
