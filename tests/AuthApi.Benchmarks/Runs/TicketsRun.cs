using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// AuthApi beside the framework's own way to a logout that ends something: a ticket store, here on EF Core, as durable as AuthApi: SQLite with a
/// write-ahead log that is synced at each commit.
/// </summary>
internal static class TicketsRun
{
    private const int SessionsInTurn = 1_000;

    public static async Task RunAsync(RunOptions options)
    {
        var rounds = options.Rounds ?? options.Choose(full: 5, quick: 2);
        var count = options.Choose(full: 3_000, quick: 500);
        var warmUps = options.Choose(full: 4, quick: 2);
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        Progress.Write("the ticket store: starting the servers");
        var sessions = SessionsInTurn + ((warmUps + rounds) * count);
        var authApi = await factory.StartAuthApiAsync(sessions);
        Subject[] subjects = [await factory.StartTicketsAsync(sessions), .. authApi];
        foreach (var subject in subjects)
        {
            subject.ReserveSessionsForMe(SessionsInTurn);
        }

        var length = TimeSpan.FromSeconds(options.Choose(full: 3, quick: 1));
        Rounds.Measure("the ticket store, GET /me/, warming up", warmUps, subjects, subject => subject.GetMe(length, Workload.Connections));
        var me = Rounds.Measure("the ticket store, GET /me/", rounds, subjects, subject => subject.GetMe(length, Workload.Connections));
        Report.Write($"`GET /me/`, 32 connections, {SessionsInTurn:N0} sessions used over and over", me, authApi[0]);

        Rounds.Measure("the ticket store, POST /logout/, warming up", warmUps, subjects, subject => subject.LogOut(count, Workload.Connections));
        var logout = Rounds.Measure("the ticket store, POST /logout/", rounds, subjects, subject => subject.LogOut(count, Workload.Connections));
        Report.Write(
            $"`POST /logout/`, 32 connections, {count:N0} sessions in a row, each one's first request", logout, authApi[0], subject => subject.Replay(Workload.Replayed));
    }
}
