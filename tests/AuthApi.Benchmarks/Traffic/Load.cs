namespace AuthApi.Benchmarks.Traffic;

/// <summary>The result of a load on one server.</summary>
/// <param name="Latencies">One for each request.</param>
/// <param name="Statuses">How many responses had each status.</param>
/// <param name="Elapsed">From the first request to the last response.</param>
/// <param name="ServerCpu">What the server's process used, of all its threads.</param>
internal sealed record Load(Latencies Latencies, IReadOnlyDictionary<int, int> Statuses, TimeSpan Elapsed, TimeSpan ServerCpu)
{
    public int Requests => Latencies.Count;

    /// <summary>How long the server worked on after its last response, on what it had left for later.</summary>
    public TimeSpan BusyAfter { get; init; }

    /// <summary>How many requests were answered with 200.</summary>
    public int Served => Statuses.GetValueOrDefault(StatusCodes.Status200OK);

    /// <summary>How many requests were refused, with whatever status.</summary>
    public int Refused => Requests - Served;

    /// <summary>The rate of those that were served.</summary>
    public double RequestsPerSecond => Served / Elapsed.TotalSeconds;

    /// <summary>The server's CPU for one that was served, with its part of what the refused ones took.</summary>
    public double CpuMicroseconds => ServerCpu.TotalMicroseconds / Served;
}
