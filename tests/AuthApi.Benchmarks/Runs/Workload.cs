namespace AuthApi.Benchmarks.Runs;

/// <summary>What the workloads have in common.</summary>
internal static class Workload
{
    public const int Connections = 32;
    public const int ManyConnections = 256;

    /// <summary>How many ended sessions are used again, to see that they have ended.</summary>
    public const int Replayed = 1_000;
}
