using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>Whether it matters how many sessions live: two servers of AuthApi, one with few sessions and one with many, with the same requests.</summary>
internal static class FlatRun
{
    private const int SessionsInTurn = 1_000;
    private const int FirstUses = 2_000;
    private const int UsesBetweenSamples = 100_000;

    public static async Task RunAsync(RunOptions options)
    {
        var rounds = options.Rounds ?? options.Choose(full: 7, quick: 2);
        var logouts = options.Choose(full: 5_000, quick: 2_000);
        var warmUps = options.Choose(full: 4, quick: 1);

        // A thousand, and those that the measurement itself ends or uses first.
        var needed = SessionsInTurn + ((warmUps + rounds) * (logouts + FirstUses));
        var sessions = options.Number ?? options.Choose(full: 1_000_000, quick: 100_000);
        if (sessions < needed)
        {
            throw new ArgumentException($"There must be {needed} sessions or more.");
        }

        using var factory = new SubjectFactory(options.AuthApi, otherAuthApi: null);
        Progress.Write($"starting the servers with {needed:N0} and {sessions:N0} sessions");
        var few = await factory.StartAuthApiAsync($"AuthApi with {needed:N0} sessions", needed);
        var many = await factory.StartAuthApiAsync($"AuthApi with {sessions:N0} sessions", sessions);
        Subject[] subjects = [few, many];
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
        Console.WriteLine($"\nResident memory: {few.Title}: {Megabytes(few)} MB; {many.Title}: {Megabytes(many)} MB.");
        UseAll(many, sessions - needed);

        void Measure(string title, Func<Subject, Traffic.Load> measure) =>
            Report.Write($"{title}, 32 connections", Rounds.Measure(title, rounds, subjects, measure), many);
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
