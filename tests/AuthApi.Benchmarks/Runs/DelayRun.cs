using System.Globalization;
using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// What the distance to PostgreSQL costs: one node each whose server is so far away, by a proxy that delays, the first one through a proxy that does not. The load
/// comes over one connection, and over 32.
/// </summary>
internal static class DelayRun
{
    private const int SessionsInTurn = 1_000;

    private static readonly double[] RoundTrips = [0, 0.2, 0.5, 1];

    public static async Task RunAsync(RunOptions options)
    {
        if (!PostgreSqlCluster.IsInstalled)
        {
            Progress.Write("skipped: there is no PostgreSQL in /usr/lib/postgresql (Debian's package postgresql)");
            return;
        }

        var rounds = options.Rounds ?? options.Choose(full: 5, quick: 2);
        var warmUps = options.Choose(full: 4, quick: 1);
        var count = options.Choose(full: 5_000, quick: 1_000);
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        var subjects = new List<Subject>();
        foreach (var roundTrip in RoundTrips)
        {
            var title = string.Create(CultureInfo.InvariantCulture, $"PostgreSQL {roundTrip:0.0} ms away");
            subjects.Add(await factory.StartDelayedAsync(title, SessionsInTurn + ((warmUps + rounds) * count), TimeSpan.FromMilliseconds(roundTrip)));
            subjects[^1].ReserveSessionsForMe(SessionsInTurn);
        }

        var length = TimeSpan.FromSeconds(options.Choose(full: 2, quick: 1));
        Rounds.Measure("GET /me/, warming up", warmUps, subjects, subject => subject.GetMe(length, Workload.Connections));
        Measure("`GET /me/`, one connection", subject => subject.GetMe(length, connections: 1));
        Measure("`GET /me/`, 32 connections", subject => subject.GetMe(length, Workload.Connections));
        Rounds.Measure("POST /logout/, warming up", warmUps, subjects, subject => subject.LogOut(count, Workload.Connections));
        Measure("`POST /logout/`, 32 connections, each session's first request", subject => subject.LogOut(count, Workload.Connections));

        void Measure(string title, Func<Subject, Traffic.Load> measure) =>
            Report.Write(title, Rounds.Measure(title, rounds, subjects, measure), subjects[0]);
    }
}
