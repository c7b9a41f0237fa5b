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
    IEnumerable<Journal> journals, GroupCommit commits, ReadConnectionPool readers, TimeProvider time, ILogger<JournalDrain> logger)
    : BackgroundService
{
    // Rows of a journal. Each may change three pages of its own.
    private const int Slice = 64;

    // Rows after which the log is half full: it is copied at the latest when it has 4,000 pages.
    private const int RowsToCopyTheLog = 500;

    // What is written in the meantime is drained together, in the order of the table that it goes to: the more, the fewer pages each takes.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MaxRetry = TimeSpan.FromMinutes(1);

    private readonly Journal[] _journals = [.. journals];
    private readonly Channel<bool> _written = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private int _rowsInTheLog;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await commits.WriteUnnotedAsync(async connection =>
        {
            foreach (var statement in _journals.SelectMany(journal => journal.Begin))
            {
                await connection.Prepare(statement).ExecuteNonQueryAsync();
            }

            return true;
        }).WaitAsync(cancellationToken);

        // For what a killed program has left.
        Note();
        commits.Committed += Note;
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        commits.Committed -= Note;
        await base.StopAsync(cancellationToken);
        if (await DrainAsync(cancellationToken) is { } reason)
        {
            Log.NotEmpty(logger, reason);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var retry = TimeSpan.Zero;
        while (await _written.Reader.WaitToReadAsync(stoppingToken))
        {
            await Task.Delay(retry, time, stoppingToken);
            for (var waited = TimeSpan.Zero; waited < MaxWait && _written.Reader.TryRead(out _); waited += Quiet)
            {
                await Task.Delay(Quiet, time, stoppingToken);
            }

            if (await DrainAsync(stoppingToken) is not { } reason)
            {
                retry = TimeSpan.Zero;
                continue;
            }

            // Said once, and tried again less and less often.
            if (retry == TimeSpan.Zero)
            {
                Log.NotDrained(logger, reason);
            }

            retry = retry == TimeSpan.Zero ? Quiet : TimeSpan.FromTicks(Math.Min(2 * retry.Ticks, MaxRetry.Ticks));
            Note();
        }
    }

    private void Note() => _written.Writer.TryWrite(true);

    /// <returns>Why there is something left, if there is.</returns>
    private async Task<string?> DrainAsync(CancellationToken cancellationToken)
    {
        string? reason = null;
        foreach (var journal in _journals)
        {
            try
            {
                await DrainAsync(journal, cancellationToken);
            }
            catch (Exception exception)
            {
                // The others do not have to wait for it.
                reason = exception.Message;
            }
        }

        return reason;
    }

    private async Task DrainAsync(Journal journal, CancellationToken cancellationToken)
    {
        int count;
        do
        {
            count = await commits.WriteUnnotedAsync(connection => DrainSliceAsync(connection, journal)).WaitAsync(cancellationToken);
            _rowsInTheLog += count;
        }
        while (count == Slice);

        if (_rowsInTheLog >= RowsToCopyTheLog)
        {
            _rowsInTheLog = 0;

            // As far as it can be without waiting for anybody who reads or writes.
            await readers.ReadAsync(connection => connection.Prepare("PRAGMA wal_checkpoint(PASSIVE)").ExecuteNonQueryAsync());
        }
    }

    /// <returns>How many rows.</returns>
    private static async Task<int> DrainSliceAsync(PreparedConnection connection, Journal journal)
    {
        var count = 0;
        foreach (var statement in journal.Drain)
        {
            count = await connection.Prepare(statement, Slice).ExecuteNonQueryAsync();
        }

        return count;
    }

    private static partial class Log
    {
        [LoggerMessage(108, LogLevel.Warning, "The journals could not be drained; what is in them counts all the same, and it is tried again: {Reason}")]
        public static partial void NotDrained(ILogger logger, string reason);

        [LoggerMessage(109, LogLevel.Warning, "The journals are not empty at the end; the next start goes on with them, an earlier version would not: {Reason}")]
        public static partial void NotEmpty(ILogger logger, string reason);
    }
}
