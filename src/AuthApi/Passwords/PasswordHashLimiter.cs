using System.Diagnostics;
using AuthApi.Api;
using Microsoft.Extensions.Options;

namespace AuthApi.Passwords;

/// <summary>
/// Hashes passwords on a few threads of its own, in the order in which they arrive. A hash takes a core for some 15 ms: on the pool's
/// threads, a crowd that logs in would leave none for those who are signed in.
/// </summary>
internal sealed class PasswordHashLimiter : IDisposable
{
    // Until the first hash has been measured.
    private static readonly TimeSpan FirstEstimate = TimeSpan.FromMilliseconds(20);

    private readonly TimeProvider _time;
    private readonly int _width;
    private readonly TimeSpan _maxWait;
    private readonly Action<Thread> _start;

    // Guards all below. A monitor, as the threads wait on it.
    private readonly object _lock = new();
    private readonly LinkedList<Job> _queue = new();
    private TimeSpan _average = FirstEstimate;
    private int _threads;
    private int _active;
    private bool _isDisposed;

    public PasswordHashLimiter(TimeProvider time, IOptions<AccountPasswordOptions> options)
        : this(time, Width, options.Value.MaxWait)
    {
    }

    internal PasswordHashLimiter(TimeProvider time, int width, TimeSpan maxWait, Action<Thread>? start = null) =>
        (_time, _width, _maxWait, _start) = (time, width, maxWait, start ?? (static thread => thread.Start()));

    /// <summary>The number of threads that hash: one core is left to those who are signed in, where there is more than one.</summary>
    public static int Width => Math.Max(1, Environment.ProcessorCount - 1);

    /// <summary>The number of passwords that are being hashed now.</summary>
    public int Active
    {
        get
        {
            lock (_lock)
            {
                return _active;
            }
        }
    }

    /// <summary>The number of passwords that wait to be hashed now.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>Runs <paramref name="hash"/> on one of the threads, after those that arrived before.</summary>
    /// <param name="hash">What to run. Once begun, it runs to its end.</param>
    /// <param name="cancellation">Leaves the queue: the client is gone.</param>
    /// <exception cref="ServerBusyException">The queue is so long that it would wait for more than the maximum, or it has waited that long.</exception>
    public async Task<TResult> RunAsync<TResult>(Func<TResult> hash, CancellationToken cancellation = default)
    {
        var job = new Job<TResult>(hash);
        Enqueue(job);
        using var limit = new CancellationTokenSource(_maxWait, _time);
        await using var waited = limit.Token.UnsafeRegister(_ => Leave(job, Busy()), null);
        await using var gone = cancellation.UnsafeRegister(_ => Leave(job, new OperationCanceledException(cancellation)), null);
        return await job.Task;
    }

    public void Dispose()
    {
        List<Job> left;
        lock (_lock)
        {
            _isDisposed = true;
            left = [.. _queue];
            _queue.Clear();
            Monitor.PulseAll(_lock);
        }

        left.ForEach(job => job.Fail(new ObjectDisposedException(nameof(PasswordHashLimiter))));
    }

    private static ServerBusyException Busy() => new("Too many passwords are waiting to be hashed.");

    private void Enqueue(Job job)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_average * (_queue.Count + _active) / _width > _maxWait)
            {
                throw Busy();
            }

            job.Place = _queue.AddLast(job);
            if (_threads < _width && _threads < _queue.Count + _active)
            {
                StartThread(job.Place);
            }

            Monitor.Pulse(_lock);
        }
    }

    // The system may have no thread to give, as where the limit of tasks is reached. The next job asks for one again.
    private void StartThread(LinkedListNode<Job> place)
    {
        try
        {
            _start(new Thread(Run) { IsBackground = true, Name = "Password hash" });
            _threads++;
        }
        catch when (_threads > 0)
        {
            // Those that there are take the job when they come to it.
        }
        catch
        {
            _queue.Remove(place);
            throw;
        }
    }

    // What has begun is no longer in the queue, and stays.
    private void Leave(Job job, Exception reason)
    {
        lock (_lock)
        {
            if (job.Place?.List is null)
            {
                return;
            }

            _queue.Remove(job.Place);
        }

        job.Fail(reason);
    }

    private void Run()
    {
        while (Take() is { } job)
        {
            var began = Stopwatch.GetTimestamp();
            job.Run();
            var took = Stopwatch.GetElapsedTime(began);
            lock (_lock)
            {
                _active--;
                _average += (took - _average) / 10;
            }

            job.Complete();
        }
    }

    private Job? Take()
    {
        lock (_lock)
        {
            while (_queue.Count == 0 && !_isDisposed)
            {
                Monitor.Wait(_lock);
            }

            if (_queue.First is not { } first)
            {
                return null;
            }

            _queue.RemoveFirst();
            _active++;
            return first.Value;
        }
    }

    private abstract class Job
    {
        public LinkedListNode<Job>? Place { get; set; }

        public abstract void Run();

        public abstract void Complete();

        public abstract void Fail(Exception exception);
    }

    private sealed class Job<TResult>(Func<TResult> hash) : Job
    {
        // Continuations run on the pool: the thread has the next hash to compute.
        private readonly TaskCompletionSource<TResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TResult _result = default!;
        private Exception? _exception;

        public Task<TResult> Task => _completion.Task;

        public override void Run()
        {
            try
            {
                _result = hash();
            }
            catch (Exception exception)
            {
                _exception = exception;
            }
        }

        public override void Complete()
        {
            if (_exception is null)
            {
                _completion.TrySetResult(_result);
            }
            else
            {
                _completion.TrySetException(_exception);
            }
        }

        public override void Fail(Exception exception) => _completion.TrySetException(exception);
    }
}
