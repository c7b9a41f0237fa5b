using System.Diagnostics;

namespace AuthApi.Startup;

/// <summary>
/// Has the thread pool do with two threads a core, and gives it more as soon as all that it has are blocked. With many, a tenth fewer signed-in
/// requests are answered: they take the cores from each other, and each is looked through whenever the heap is collected. With few, those that
/// wait for SQLite's lock, up to two seconds each, would leave none for anybody else; by itself the pool then adds two threads a second.
/// </summary>
internal sealed class BlockedThreads : IHostedService
{
    // What the process began with, however many of its applications come and go.
    private static readonly (int Least, int Most) Before = Threads();

    private static readonly int Usual = 2 * Environment.ProcessorCount;

    // Beyond these the pool adds more by itself, where they are still not enough.
    private static readonly int Many = Math.Max(64, 2 * Usual);

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(10);

    private readonly object _lock = new();
    private bool _isStopped;
    private Task _watch = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // On a thread of its own, as it has to run when no other can.
        _watch = Task.Factory.StartNew(Watch, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return Task.CompletedTask;
    }

    /// <summary>Leaves the pool as it was.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _isStopped = true;
            Monitor.Pulse(_lock);
        }

        return _watch;
    }

    private void Watch()
    {
        SetThreads(Usual);
        lock (_lock)
        {
            var (threads, quiet, last) = (Usual, TimeSpan.Zero, Look.Now());
            while (!_isStopped)
            {
                Monitor.Wait(_lock, BetweenLooks);
                var now = Look.Now();
                if (now.ShowsBlockedThreadsSince(last))
                {
                    quiet = TimeSpan.Zero;
                    threads = Math.Min(2 * threads, Many);
                    SetThreads(threads);
                }
                else if (threads > Usual && (quiet += BetweenLooks) >= KeptFor)
                {
                    threads = Usual;
                    SetThreads(threads);
                }

                last = now;
            }
        }

        SetThreads(Before.Least, Before.Most);
    }

    private static void SetThreads(int count) => SetThreads(count, count < Many ? count : Before.Most);

    private static (int Least, int Most) Threads()
    {
        ThreadPool.GetMinThreads(out var least, out _);
        ThreadPool.GetMaxThreads(out var most, out _);
        return (least, most);
    }

    private static void SetThreads(int least, int most)
    {
        ThreadPool.GetMinThreads(out _, out var leastPorts);
        ThreadPool.GetMaxThreads(out _, out var mostPorts);

        // In this order whichever way it goes: the least may never be more than the most.
        ThreadPool.SetMinThreads(1, leastPorts);
        ThreadPool.SetMaxThreads(most, mostPorts);
        ThreadPool.SetMinThreads(least, leastPorts);
    }

    private readonly record struct Look(bool WorkWaits, long Completed, TimeSpan Cpu, long At)
    {
        // Of the cores. Those who are not blocked use more, also where the clients are on the same machine.
        private const double Idle = 0.6;

        public static Look Now() => new(
            ThreadPool.PendingWorkItemCount > 0, ThreadPool.CompletedWorkItemCount, Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());

        /// <summary>Whether work waits though nothing was done meanwhile, or though the cores had nothing to do.</summary>
        public bool ShowsBlockedThreadsSince(Look last) =>
            WorkWaits && last.WorkWaits
            && (Completed == last.Completed || (Cpu - last.Cpu) / Stopwatch.GetElapsedTime(last.At, At) < Idle * Environment.ProcessorCount);
    }
}
