using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// Full load for minutes: <c>GET /me/</c> of sessions that stay, and now and then a logout of a session that was not used before. What the
/// server holds must level off.
/// </summary>
internal static class SoakRun
{
    private const int StayingSessions = 1_000;

    // One of so many requests ends a session; there are sessions for so many ends a second.
    private const int RequestsForAnEnd = 20;
    private const int MaxEndsASecond = 2_000;
    private const double Tolerance = 1.05;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Closing = TimeSpan.FromMilliseconds(250);

    public static async Task RunAsync(RunOptions options)
    {
        var minutes = options.Number ?? options.Choose(full: 10, quick: 1);
        var sessions = StayingSessions + (minutes * 60 * MaxEndsASecond);
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        Progress.Write($"starting the servers with {sessions:N0} sessions");
        foreach (var subject in await factory.StartAuthApiAsync(sessions))
        {
            Write(subject, Measure(subject, TimeSpan.FromMinutes(minutes), sessions));
        }
    }

    private static List<Sample> Measure(Subject subject, TimeSpan duration, int sessions)
    {
        var staying = subject.Take(StayingSessions).ConvertAll(subject.Me);
        var ending = new Queue<string>(subject.Take(sessions - StayingSessions));
        var log = DataFolder.AuthApiDatabase(subject.Folder) + "-wal";
        var load = new LoadGenerator(subject.Server, Workload.Connections);
        var samples = new List<Sample>();
        for (var at = Interval; at <= duration; at += Interval)
        {
            var result = load.Send(
                index => index % RequestsForAnEnd == 0 && ending.TryDequeue(out var cookie) ? subject.Logout(cookie) : staying[index % staying.Count],
                StatusCodes.Status200OK,
                Interval);

            // Until the server has closed the connections, which are opened again for the next interval.
            Task.Delay(Closing).GetAwaiter().GetResult();
            var sample = new Sample(at, result, subject.Server.ResidentMemory, subject.Server.Handles, new FileInfo(log).Length);
            samples.Add(sample);
            Progress.Write($"{result.RequestsPerSecond:N0}/s, p99 {result.Latencies.P99:N1} ms, {sample.Memory / 1e6:N0} MB, {sample.Handles} handles, log {sample.Log / 1e6:N1} MB");
        }

        return samples;
    }

    private static void Write(Subject subject, List<Sample> samples)
    {
        // A row a minute; every sample of a run that is too short for that.
        var rows = samples.Count <= 18 ? samples : samples.Where(sample => sample.At.Seconds == 0);
        Console.WriteLine($"""

            **Full load for {samples[^1].At:m\:ss} minutes**, {Workload.Connections} connections: {subject.Title}, {samples.Sum(sample => sample.Load.Requests):N0} requests;
            one of {RequestsForAnEnd} ends a session.

            | minute | requests/s | p50, ms | p99, ms | max, ms | resident memory, MB | handles | write-ahead log, MB |
            |---:|---:|---:|---:|---:|---:|---:|---:|
            {string.Join(Environment.NewLine, rows.Select(sample =>
                $"| {sample.At:m\\:ss} | {sample.Load.RequestsPerSecond:N0} | {sample.Load.Latencies.P50:N2} | {sample.Load.Latencies.P99:N2} "
                + $"| {sample.Load.Latencies.Max:N1} | {sample.Memory / 1e6:N0} | {sample.Handles} | {sample.Log / 1e6:N1} |"))}

            The median of the last third over that of the second: memory {Verdict(sample => sample.Memory)}, handles {Verdict(sample => sample.Handles)},
            log {Verdict(sample => sample.Log)}. More than {Tolerance:N2} is growing.
            """);

        string Verdict(Func<Sample, double> figure)
        {
            var third = samples.Count / 3;
            var ratio = samples[^third..].Select(figure).Median() / samples[third..^third].Select(figure).Median();
            return $"{(ratio > Tolerance ? "growing" : "level")} ({ratio:N2})";
        }
    }

    private sealed record Sample(TimeSpan At, Load Load, double Memory, int Handles, double Log);
}
