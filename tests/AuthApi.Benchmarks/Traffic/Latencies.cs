using System.Diagnostics;
using System.Runtime.InteropServices;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>The time from each request to its response, each kept as it was measured: no percentile is estimated.</summary>
internal sealed class Latencies(int capacity = 0)
{
    private readonly List<long> _ticks = new(capacity);
    private bool _sorted = true;

    public int Count => _ticks.Count;

    public double P50 => Percentile(50);

    public double P99 => Percentile(99);

    public double Max => Percentile(100);

    /// <param name="ticks">Of <see cref="Stopwatch"/>.</param>
    public void Add(long ticks)
    {
        _ticks.Add(ticks);
        _sorted = false;
    }

    public void Add(Latencies others)
    {
        _ticks.AddRange(others._ticks);
        _sorted = false;
    }

    /// <summary>Returns the least latency that so many percent of all do not exceed (nearest rank), in milliseconds.</summary>
    public double Percentile(double percent)
    {
        if (_ticks.Count == 0)
        {
            return double.NaN;
        }

        if (!_sorted)
        {
            CollectionsMarshal.AsSpan(_ticks).Sort();
            _sorted = true;
        }

        var rank = (int)Math.Ceiling(_ticks.Count * percent / 100);
        return _ticks[Math.Clamp(rank, 1, _ticks.Count) - 1] * 1_000.0 / Stopwatch.Frequency;
    }
}
