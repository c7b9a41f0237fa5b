using System.Threading.Channels;

namespace AuthApi.Storage;

/// <summary>
/// Empties the journals: when nothing was written for a second, or at the latest after ten, in slices that each hold up the writer for a few
/// milliseconds; and when the program ends. A killed program leaves in them what the next one begins with; nobody can tell the difference.
/// </summary>
/// <remarks>
/// A large drain fills SQLite's log. It then copies the log into the file, beside the writer, so that this does not fall to the next logout
/// that finds the log full.
/// </remarks>
internal sealed partial class JournalDrain(
    IEnumerable<Journal> journals, GroupCommit commits, OpenReaders readers, TimeProvider time, ILogger<JournalDrain> logger)
    : BackgroundService
{
    // Rows of each journal.
    private const int Slice = 64;

    // Each takes a few pages of the log, which is copied at the latest when it has 4,000.
    private const int SlicesToFillTheLog = 8;

    // What is written in the meantime is drained together, in the order of the table that it goes to: the more, the fewer pages each takes.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly Journal[] _journals = [.. journals];
    private readonly Channel<bool> _written = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private int _slicesInTheLog;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        // At once, for what a killed program has left.
        Note();
        commits.Committed += Note;
        return base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        commits.Committed -= Note;
        await base.StopAsync(cancellationToken);
        await DrainAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await _written.Reader.WaitToReadAsync(stoppingToken))
        {
            for (var waited = TimeSpan.Zero; waited < LongestWait && _written.Reader.TryRead(out _); waited += Quiet)
            {
                await Task.Delay(Quiet, time, stoppingToken);
            }

            if (!await DrainAsync(stoppingToken))
            {
                Note();
            }
        }
    }

    private void Note() => _written.Writer.TryWrite(true);

    /// <returns>Whether the store took it.</returns>
    private async Task<bool> DrainAsync(CancellationToken cancellationToken)
    {
        try
        {
            var isMore = true;
            while (isMore && !cancellationToken.IsCancellationRequested)
            {
                isMore = await commits.WriteUnnotedAsync(DrainSliceAsync);
                _slicesInTheLog++;
            }

            if (_slicesInTheLog >= SlicesToFillTheLog)
            {
                _slicesInTheLog = 0;
                await CopyLogAsync();
            }

            return true;
        }
        catch (Exception exception)
        {
            Log.NotDrained(logger, exception.Message);
            return false;
        }
    }

    // As far as it can be without waiting for anybody who reads or writes.
    private Task<int> CopyLogAsync() => readers.ReadAsync(connection => connection.Prepare("PRAGMA wal_checkpoint(PASSIVE)").ExecuteNonQueryAsync());

    /// <returns>Whether there may be more.</returns>
    private async Task<bool> DrainSliceAsync(StoreConnection connection)
    {
        var isMore = false;
        foreach (var journal in _journals)
        {
            var count = 0;
            foreach (var statement in journal.Drain)
            {
                count = await connection.Prepare(statement, Slice).ExecuteNonQueryAsync();
            }

            isMore |= count == Slice;
        }

        return isMore;
    }

    private static partial class Log
    {
        [LoggerMessage(108, LogLevel.Warning, "The journals could not be drained; what is in them counts all the same, and it is tried again: {Message}")]
        public static partial void NotDrained(ILogger logger, string message);
    }
}
