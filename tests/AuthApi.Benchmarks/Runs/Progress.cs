using System.Diagnostics;

namespace AuthApi.Benchmarks.Runs;

/// <summary>The measurement in progress, on standard error: beside the report, not in it.</summary>
internal static class Progress
{
    private static readonly long StartedAt = Stopwatch.GetTimestamp();

    public static void Write(string text) => Console.Error.WriteLine($"{Stopwatch.GetElapsedTime(StartedAt).TotalSeconds,5:N0} s  {text}");
}
