using System.Collections.Concurrent;

namespace AuthApi.Security;

/// <summary>
/// A token bucket for each client. It is kept as one number, the time at which it will be full again (the generic cell rate algorithm of
/// ITU-T I.371): taking is a look-up, and nothing has to be refilled. A bucket that is full is like one that was never used, and is forgotten.
/// </summary>
/// <typeparam name="TClient">Whose bucket it is.</typeparam>
internal sealed class ClientBuckets<TClient> : IDisposable
    where TClient : struct, IEquatable<TClient>
{
    private static readonly TimeSpan BetweenSweeps = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<TClient, double> _fullAt = new();
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly ITimer _sweeps;

    // In ticks. Of a billion in a minute each takes less than one.
    private readonly double _refill;
    private readonly double _maxMissing;

    /// <param name="size">How many may be taken at once, and again in the course of each <paramref name="window"/>.</param>
    /// <param name="window">How long an empty bucket takes to be full.</param>
    /// <param name="time">The clock.</param>
    public ClientBuckets(long size, TimeSpan window, TimeProvider time)
    {
        _time = time;
        _start = time.GetTimestamp();
        _refill = (double)window.Ticks / size;

        // A tick more, as sums of fractions are not exact.
        _maxMissing = window.Ticks - _refill + 1;
        _sweeps = time.CreateTimer(static buckets => ((ClientBuckets<TClient>)buckets!).Sweep(), this, BetweenSweeps, BetweenSweeps);
    }

    /// <summary>How many buckets are kept.</summary>
    public int Count => _fullAt.Count;

    private double Now => _time.GetElapsedTime(_start).Ticks;

    /// <summary>Takes one from the client's bucket.</summary>
    /// <param name="client">Whose.</param>
    /// <param name="retryAfter">When there is none: how long until there will be.</param>
    public bool TryTake(TClient client, out TimeSpan retryAfter)
    {
        var now = Now;
        retryAfter = TimeSpan.Zero;
        while (true)
        {
            // One that is not kept is full, and zero is a time long past.
            var isKept = _fullAt.TryGetValue(client, out var fullAt);
            var missing = Math.Max(0, fullAt - now);
            if (missing > _maxMissing)
            {
                retryAfter = TimeSpan.FromTicks((long)Math.Ceiling(missing - _maxMissing));
                return false;
            }

            var next = now + missing + _refill;
            if (isKept ? _fullAt.TryUpdate(client, next, fullAt) : _fullAt.TryAdd(client, next))
            {
                return true;
            }
        }
    }

    /// <summary>Puts one back that was taken.</summary>
    public void Return(TClient client)
    {
        while (_fullAt.TryGetValue(client, out var fullAt) && !_fullAt.TryUpdate(client, fullAt - _refill, fullAt))
        {
        }
    }

    public void Dispose() => _sweeps.Dispose();

    private void Sweep()
    {
        var now = Now;
        foreach (var bucket in _fullAt)
        {
            if (bucket.Value <= now)
            {
                // Unless one was taken meanwhile.
                _fullAt.TryRemove(bucket);
            }
        }
    }
}
