using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>Whether it matters how many sessions live: two servers of AuthApi, one with few sessions and one with many, with the same requests.</summary>
internal static class FlatRun
{
    private const int SessionsInTurn = 1_000;
    private const int FirstUses = 2_000;
    private const int UsesBetweenSamples = 100_000;

    private const int SessionsOfUser = 5;

    public static Task RunAsync(RunOptions options) => RunAsync(
        options, many: 1_000_000, (factory, sessions, _) => factory.StartAuthApiAsync($"AuthApi with {sessions:N0} sessions", sessions));

    public static async Task RunOnPostgreSqlAsync(RunOptions options)
    {
        if (PostgreSqlCluster.IsInstalled)
        {
            await RunAsync(options, many: 5_000_000, (factory, sessions, known) => factory.StartAuthApiOnPostgreSqlAsync(
                $"AuthApi with {sessions:N0} sessions on PostgreSQL", sessions, SessionsOfUser, known));
        }
        else
        {
            Progress.Write("skipped: there is no PostgreSQL in /usr/lib/postgresql (Debian's package postgresql)");
        }
    }

    private static async Task RunAsync(RunOptions options, int many, Func<SubjectFactory, int, int, Task<Subject>> start)
    {
        var rounds = options.Rounds ?? options.Choose(full: 7, quick: 2);
        var logouts = options.Choose(full: 5_000, quick: 2_000);
        var warmUps = options.Choose(full: 4, quick: 1);

        // A thousand, and those that the measurement itself ends or uses first.
        var needed = SessionsInTurn + ((warmUps + rounds) * (logouts + FirstUses));
        var sessions = options.Number ?? options.Choose(full: many, quick: 100_000);
        if (sessions < needed)
        {
            throw new ArgumentException($"There must be {needed} sessions or more.");
        }

        using var factory = new SubjectFactory(options.AuthApi, otherAuthApi: null);
        Progress.Write($"starting the servers with {needed:N0} and {sessions:N0} sessions");
        var few = await start(factory, needed, needed);
        var full = await start(factory, sessions, sessions > 1_000_000 ? needed : sessions);
        Subject[] subjects = [few, full];
        foreach (var subject in subjects)
        {
            subject.ReserveSessionsForMe(SessionsInTurn);
        }

        var length = TimeSpan.FromSeconds(options.Choose(full: 3, quick: 1));
        Rounds.Measure("GET /me/, warming up", warmUps, subjects, subject => subject.GetMe(length, Workload.Connections));
        Rounds.Measure("POST /logout/, warming up", warmUps, subjects, subject => subject.LogOut(logouts, Workload.Connections));
        Rounds.Measure("GET /me/, first use, warming up", warmUps, subjects, subject => subject.GetMeFirst(FirstUses, Workload.Connections));

        Measure($"`GET /me/`, {SessionsInTurn:N0} sessions used over and over", subject => subject.GetMe(length, Workload.Connections));
        Measure($"`POST /logout/`, {logouts:N0} in a row, each session's first request", subject => subject.LogOut(logouts, Workload.Connections));
        Measure($"`GET /me/`, {FirstUses:N0} in a row, each session's first request", subject => subject.GetMeFirst(FirstUses, Workload.Connections));
        Console.WriteLine($"\nResident memory: {few.Title}: {Megabytes(few)} MB; {full.Title}: {Megabytes(full)} MB.");
        if (full.ConnectionString is null)
        {
            UseAll(full, sessions - needed);
        }


        void Measure(string title, Func<Subject, Traffic.Load> measure) =>
            Report.Write($"{title}, 32 connections", Rounds.Measure(title, rounds, subjects, measure), full);
    }

    private static void UseAll(Subject many, int sessions)
    {
        if (sessions < UsesBetweenSamples)
        {
            return;
        }

        Console.WriteLine($"""

            The memory of {many.Title} as more of them are used, each once:

            | sessions used | resident memory, MB |
            |---:|---:|
            """);
        for (var used = UsesBetweenSamples; used <= sessions; used += UsesBetweenSamples)
        {
            many.GetMeFirst(UsesBetweenSamples, Workload.Connections);
            Console.WriteLine($"| {used:N0} | {Megabytes(many)} |");
        }
    }

    private static string Megabytes(Subject subject) => $"{subject.Server.ResidentMemory / 1e6:N0}";
}
