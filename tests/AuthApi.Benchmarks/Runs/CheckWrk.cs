using System.Globalization;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>Whether the load generator and wrk report the same of the same server: <c>GET /me/</c> of one session, one tool after the other.</summary>
internal static class CheckWrk
{
    private const double Tolerance = 0.1;

    public static async Task<int> RunAsync(RunOptions options)
    {
        if (!Wrk.IsInstalled)
        {
            Console.WriteLine("Skipped: wrk is not installed (on Debian: apt-get install wrk).");
            return 0;
        }

        using var factory = new SubjectFactory(options.AuthApi, otherAuthApi: null);
        Progress.Write("starting the servers");
        var authApi = (await factory.StartAuthApiAsync(sessions: 1_000)).Single();
        Subject[] subjects = [await factory.StartBareAsync(authApi), await factory.StartStockAsync(sessions: 1), authApi];
        Console.WriteLine($"""
            | | connections | load generator, requests/s | wrk, requests/s | ratio | p50, ms | wrk | p99, ms | wrk | max, ms | wrk | load generator's CPU, µs |
            |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
            """);
        var agree = true;
        foreach (var subject in subjects)
        {
            foreach (var connections in (int[])[Workload.Connections, Workload.ManyConnections])
            {
                agree &= await CompareAsync(subject, connections, options);
            }
        }

        Console.WriteLine($"""

            {(agree ? "The tools agree" : "The tools do NOT agree")}: the median rates are {(agree ? "" : "not all ")}within {Tolerance:P0} of each other.
            """);
        return agree ? 0 : 1;
    }

    private static async Task<bool> CompareAsync(Subject subject, int connections, RunOptions options)
    {
        var cookie = subject.Take(1)[0];
        var length = TimeSpan.FromSeconds(options.Choose(full: 5, quick: 2));
        var (own, wrk) = (new List<WrkResult>(), new List<WrkResult>());
        var cpu = new List<double>();
        var rounds = options.Rounds ?? options.Choose(full: 5, quick: 3);
        new LoadGenerator(subject.Server, connections).SendFor(2 * length, [subject.Me(cookie)], StatusCodes.Status200OK);
        for (var round = 1; round <= rounds; round++)
        {
            var cpuBefore = Environment.CpuUsage.TotalTime;
            var load = new LoadGenerator(subject.Server, connections).SendFor(length, [subject.Me(cookie)], StatusCodes.Status200OK);
            cpu.Add((Environment.CpuUsage.TotalTime - cpuBefore).TotalMicroseconds / load.Requests);
            own.Add(new WrkResult(load.RequestsPerSecond, load.Latencies.P50, load.Latencies.P99, load.Latencies.Max));
            wrk.Add(await Wrk.GetMeAsync(subject.Server.EndPoint, cookie, connections, length, subject.Folder));
            Progress.Write($"{subject.Title}, {connections} connections, round {round} of {rounds}: {own[^1].RequestsPerSecond:N0}/s, wrk {wrk[^1].RequestsPerSecond:N0}/s");
        }

        var ratio = own.Select(result => result.RequestsPerSecond).Median() / wrk.Select(result => result.RequestsPerSecond).Median();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {subject.Title} | {connections} | {Median(own, r => r.RequestsPerSecond):N0} | {Median(wrk, r => r.RequestsPerSecond):N0} | {ratio:N2} "
            + $"| {Median(own, r => r.P50):N2} | {Median(wrk, r => r.P50):N2} | {Median(own, r => r.P99):N2} | {Median(wrk, r => r.P99):N2} "
            + $"| {Median(own, r => r.Max):N1} | {Median(wrk, r => r.Max):N1} | {cpu.Median():N1} |"));
        return Math.Abs(ratio - 1) <= Tolerance;
    }

    private static double Median(List<WrkResult> results, Func<WrkResult, double> figure) => results.Select(figure).Median();
}
