using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>
/// One connection on which one statement at a time answers all calls that wait, back to back: what gathered while the last statement was under way. A
/// call that comes alone waits for nobody, and no call is answered by a statement that began before it.
/// </summary>
/// <typeparam name="TCall">What a call asks.</typeparam>
/// <typeparam name="TAnswer">What it is answered.</typeparam>
internal abstract partial class Lane<TCall, TAnswer>(PostgreSqlDatabase database, ILogger logger) : IHostedService, IAsyncDisposable
{
    private const int MaxBatch = 1_000;

    // A connection that was not used for longer may have been closed by the server meanwhile.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    // A server that has answered within this time is not asked whether it answers.
    private static readonly TimeSpan Recent = TimeSpan.FromMilliseconds(20);

    private readonly LogThrottle _failures = new(TimeProvider.System);
    private readonly Channel<Waiting> _waiting = Channel.CreateUnbounded<Waiting>(new() { SingleReader = true });
    private Task? _running;
    private NpgsqlConnection? _connection;
    private long _usedAt;

    /// <summary>Whether the server has answered within the last 20 ms, or whether nothing asks it: the program is starting or ending.</summary>
    protected bool HasAnswered => _running is not { IsCompleted: false } || Stopwatch.GetElapsedTime(Volatile.Read(ref _usedAt)) < Recent;

    public Task<TAnswer> CallAsync(TCall call)
    {
        var waiting = new Waiting(call);
        return _waiting.Writer.TryWrite(waiting)
            ? waiting.Task
            : Task.FromException<TAnswer>(new StoreUnavailableException("The program is ending and takes no more calls."));
    }

    /// <summary>Opens the connection, before the first call needs it: the server may have none left then.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            _connection = await database.DataSource.OpenConnectionAsync(cancellationToken);
        }
        catch (Exception exception) when (PostgreSqlFailures.IsOutOfReach(exception))
        {
            // The first call opens it, or fails with the reason.
        }

        _running = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>Takes no more calls, and returns when those that were taken are answered. The token is cancelled where the server used up the time for the shutdown.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _waiting.Writer.TryComplete();
        await (_running ?? Task.CompletedTask).WaitAsync(TimeSpan.FromSeconds(10), CancellationToken.None);
    }

    /// <summary>Ends it where the application is disposed without having been stopped.</summary>
    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    /// <summary>Whether a statement may be run again when the connection broke under it, which may have been after its commit.</summary>
    protected virtual bool IsRepeatable => false;

    /// <summary>Whether requests that were just answered run before the next statement, so that what they ask next shares it. During a commit enough others gather.</summary>
    protected virtual bool AnsweredGoFirst => false;

    /// <summary>Runs one statement for all of them, without a limit of time of its own.</summary>
    /// <returns>The answers, in the order of the calls.</returns>
    protected abstract Task<TAnswer[]> ExecuteAsync(NpgsqlConnection connection, IReadOnlyList<TCall> calls, CancellationToken cancellationToken);

    private async Task RunAsync()
    {
        var batch = new List<Waiting>();
        while (await _waiting.Reader.WaitToReadAsync())
        {
            if (AnsweredGoFirst)
            {
                await Task.Yield();
            }

            batch.Clear();
            while (batch.Count < MaxBatch && _waiting.Reader.TryRead(out var waiting))
            {
                batch.Add(waiting);
            }

            await AnswerAsync(batch);
        }

        await CloseAsync();
    }

    private async Task AnswerAsync(List<Waiting> batch)
    {
        try
        {
            var answers = await ExecuteAsync(batch.ConvertAll(waiting => waiting.Call));
            for (var i = 0; i < batch.Count; i++)
            {
                batch[i].TrySetResult(answers[i]);
            }
        }
        catch (Exception exception) when (IsRefused(exception))
        {
            // Rolled back as a whole, or a row that cannot be read: it may be repeated, each call for itself, so that one that is refused does not take the others with it.
            if (batch.Count == 1)
            {
                batch[0].TrySetException(exception);
                return;
            }

            foreach (var waiting in batch)
            {
                await AnswerAsync([waiting]);
            }
        }
        catch (Exception exception)
        {
            await CloseAsync();
            if (_failures.IsDue(out var suppressed))
            {
                Log.OutOfReach(logger, batch.Count, exception.Message, suppressed);
            }

            foreach (var waiting in batch)
            {
                waiting.TrySetException(exception);
            }

            // What arrived while this one waited for the server has waited long enough.
            while (_waiting.Reader.TryRead(out var waiting))
            {
                waiting.TrySetException(exception);
            }
        }
    }

    private bool IsRefused(Exception exception) =>
        (exception is PostgresException || IsRepeatable) && (PostgreSqlFailures.IsConflict(exception) || !PostgreSqlFailures.IsOutOfReach(exception));

    private async Task<TAnswer[]> ExecuteAsync(List<TCall> calls)
    {
        try
        {
            var kept = _connection ??= await database.DataSource.OpenConnectionAsync();
            if (IsRepeatable)
            {
                return await ExecuteWithTimeoutAsync(kept, calls);
            }

            if (Stopwatch.GetElapsedTime(_usedAt) > Fresh)
            {
                await RunWithTimeoutAsync(kept, cancellationToken => PingAsync(kept, cancellationToken));
            }
        }
        catch (Exception exception) when (PostgreSqlFailures.IsBroken(exception))
        {
            // The server was restarted meanwhile: a new connection reaches it, or is refused at once.
            await CloseAsync();
            database.DropIdle();
        }

        return await ExecuteWithTimeoutAsync(_connection ??= await database.DataSource.OpenConnectionAsync(), calls);
    }

    private async Task<TAnswer[]> ExecuteWithTimeoutAsync(NpgsqlConnection connection, List<TCall> calls)
    {
        var answers = await RunWithTimeoutAsync(connection, cancellationToken => ExecuteAsync(connection, calls, cancellationToken));
        Volatile.Write(ref _usedAt, Stopwatch.GetTimestamp());
        return answers;
    }

    private static async Task<bool> PingAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var ping = new NpgsqlCommand("SELECT 1", connection) { CommandTimeout = 0 };
        await ping.ExecuteNonQueryAsync(cancellationToken);
        return true;
    }

    private Task<TResult> RunWithTimeoutAsync<TResult>(NpgsqlConnection connection, Func<CancellationToken, Task<TResult>> execute) =>
        PostgreSqlDatabase.RunWithTimeoutAsync(connection, execute, () => _connection = null);

    private async Task CloseAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    // Continuations run elsewhere: the lane must not be held up by what its callers do next.
    private sealed class Waiting(TCall call) : TaskCompletionSource<TAnswer>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public TCall Call => call;
    }

    private static partial class Log
    {
        [LoggerMessage(120, LogLevel.Error, "The store is out of reach, and {Count} calls were not answered: {Message} This is logged once a minute; {Suppressed} more failures since the last time.")]
        public static partial void OutOfReach(ILogger logger, int count, string message, long suppressed);
    }
}
