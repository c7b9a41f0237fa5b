using System.Globalization;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>Whether the load generator and wrk report the same of the same servers, one tool after the other.</summary>
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

        var rounds = options.Rounds ?? options.Choose(full: 5, quick: 3);
        var length = TimeSpan.FromSeconds(options.Choose(full: 5, quick: 2));
        var count = options.Choose(full: 20_000, quick: 5_000);
        using var factory = new SubjectFactory(options.AuthApi, otherAuthApi: null);
        Progress.Write("starting the servers");
        var sessions = (2 * (rounds + 1) * count) + 1;
        var authApi = (await factory.StartAuthApiAsync(sessions)).Single();
        var stock = await factory.StartStockAsync(sessions);
        Subject[] subjects = [await factory.StartBareAsync(authApi), stock, authApi];
        Subject[] writing = [await factory.StartBareGroupCommitAsync(authApi), stock, authApi];

        var agree = true;
        var cookies = subjects.ToDictionary(subject => subject, subject => subject.Take(1)[0]);
        foreach (var connections in (int[])[Workload.Connections, Workload.ManyConnections])
        {
            agree &= await CompareAsync(
                $"`GET /me/` of one session, {connections} connections",
                rounds,
                subjects,
                subject => new LoadGenerator(subject.Server, connections).SendFor(length, [subject.Me(cookies[subject])], StatusCodes.Status200OK),
                subject => Wrk.GetMeAsync(subject.Server.EndPoint, cookies[subject], connections, length, subject.Folder));
        }

        agree &= await CompareAsync(
            $"`POST /logout/` of {count:N0} sessions in a row, {Workload.Connections} connections",
            rounds,
            writing,
            subject => subject.LogOut(count, Workload.Connections),
            async subject =>
            {
                var result = await Wrk.SendOnceAsync(subject.Server.EndPoint, subject.Take(count).ConvertAll(subject.Logout), Workload.Connections, subject.Folder);
                subject.WaitUntilIdle();
                return result;
            });

        Console.WriteLine($"""

            {(agree ? "The tools agree" : "The tools do NOT agree")}: the median rates are {(agree ? "" : "not all ")}within {Tolerance:P0} of each other.
            """);
        return agree ? 0 : 1;
    }

    // The last two subjects are the stateless cookie and AuthApi.
    private static async Task<bool> CompareAsync(string title, int rounds, Subject[] subjects, Func<Subject, Load> own, Func<Subject, Task<WrkResult>> wrk)
    {
        var results = subjects.ToDictionary(subject => subject, _ => new List<(WrkResult Own, WrkResult Wrk, double Cpu)>());
        foreach (var subject in subjects)
        {
            own(subject);
            await wrk(subject);
        }

        for (var round = 0; round < rounds; round++)
        {
            foreach (var subject in Enumerable.Range(round, subjects.Length).Select(index => subjects[index % subjects.Length]))
            {
                var before = Environment.CpuUsage.TotalTime;
                var load = own(subject);
                var cpu = (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / load.Requests;
                results[subject].Add((new WrkResult(load.RequestsPerSecond, load.Latencies.P50, load.Latencies.P99, load.Latencies.Max), await wrk(subject), cpu));
            }

            Progress.Write($"{title}, round {round + 1} of {rounds}: {string.Join(", ", subjects.Select(subject => $"{results[subject][^1].Own.RequestsPerSecond:N0}/s, wrk {results[subject][^1].Wrk.RequestsPerSecond:N0}/s"))}");
        }

        Console.WriteLine($"""

            **{title}**, {rounds} rounds

            | | load generator, requests/s | wrk, requests/s | ratio | p50, ms | wrk | p99, ms | wrk | max, ms | wrk | load generator's CPU, µs |
            |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
            """);
        var agree = true;
        foreach (var subject in subjects)
        {
            double Median(Func<(WrkResult Own, WrkResult Wrk, double Cpu), double> figure) => results[subject].Select(figure).Median();
            var ratio = Median(r => r.Own.RequestsPerSecond) / Median(r => r.Wrk.RequestsPerSecond);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {subject.Title} | {Median(r => r.Own.RequestsPerSecond):N0} | {Median(r => r.Wrk.RequestsPerSecond):N0} | {ratio:N2} "
                + $"| {Median(r => r.Own.P50):N2} | {Median(r => r.Wrk.P50):N2} | {Median(r => r.Own.P99):N2} | {Median(r => r.Wrk.P99):N2} "
                + $"| {Median(r => r.Own.Max):N1} | {Median(r => r.Wrk.Max):N1} | {Median(r => r.Cpu):N1} |"));
            agree &= Math.Abs(ratio - 1) <= Tolerance;
        }

        List<double> Ratios(Func<(WrkResult Own, WrkResult Wrk, double Cpu), double> figure) =>
            [.. results[subjects[^1]].Zip(results[subjects[^2]], (one, other) => figure(one) / figure(other))];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

            {subjects[^1].Title} / {subjects[^2].Title}: {Ratios(r => r.Own.RequestsPerSecond).Spread()} by the load generator, {Ratios(r => r.Wrk.RequestsPerSecond).Spread()} by wrk.
            """));
        return agree;
    }
}
