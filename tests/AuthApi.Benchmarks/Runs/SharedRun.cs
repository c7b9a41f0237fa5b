using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// What the statements that requests share are worth: one node on PostgreSQL beside the same program on SQLite, Identity's stateless cookie, and bare Kestrel that
/// asks PostgreSQL in each request. The databases, the nodes and the load have the same cores.
/// </summary>
internal static class SharedRun
{
    private const int SessionsInTurn = 1_000;

    public static async Task RunAsync(RunOptions options)
    {
        if (!PostgreSqlCluster.IsInstalled)
        {
            Progress.Write("skipped: there is no PostgreSQL in /usr/lib/postgresql (Debian's package postgresql)");
            return;
        }

        var rounds = options.Rounds ?? options.Choose(full: 5, quick: 2);
        var count = options.Choose(full: 20_000, quick: 5_000);
        var warmUps = options.Choose(full: 3, quick: 1);
        var sessions = SessionsInTurn + ((warmUps + rounds) * 2 * count);
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        Progress.Write($"starting the servers, with {sessions:N0} sessions each");
        var postgreSql = await factory.StartAuthApiOnPostgreSqlAsync("AuthApi on PostgreSQL", sessions);
        Subject[] subjects =
        [
            postgreSql,
            await factory.StartAuthApiAsync("AuthApi on SQLite", sessions),
            await factory.StartStockAsync(sessions),
            await factory.StartPerRequestAsync(sessions),
        ];
        foreach (var subject in subjects)
        {
            subject.ReserveSessionsForMe(SessionsInTurn);
        }

        var length = TimeSpan.FromSeconds(options.Choose(full: 2, quick: 1));
        Rounds.Measure("GET /me/, warming up", 2 * warmUps, subjects, subject => subject.GetMe(length, Workload.Connections));
        Measure($"`GET /me/`, {SessionsInTurn:N0} sessions used over and over", subject => subject.GetMe(length, Workload.Connections));
        Rounds.Measure("POST /logout/, warming up", warmUps, subjects, subject => subject.LogOut(count, Workload.Connections));
        Measure($"`POST /logout/`, {count:N0} sessions in a row, each one's first request", subject => subject.LogOut(count, Workload.Connections), Replay);

        void Measure(string title, Func<Subject, Traffic.Load> measure, Func<Subject, string>? notes = null) =>
            Report.Write($"{title}, 32 connections", Rounds.Measure(title, rounds, subjects, measure), postgreSql, notes);

        static string Replay(Subject subject) => subject.Replay(Workload.Replayed);
    }
}
