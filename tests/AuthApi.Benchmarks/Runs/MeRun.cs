using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary><c>GET /me/</c>: of sessions that are used over and over, and as each session's first request.</summary>
internal static class MeRun
{
    private const int SessionsInTurn = 1_000;
    private const int FirstUses = 20_000;

    public static async Task RunAsync(RunOptions options)
    {
        var rounds = options.Rounds ?? options.Choose(full: 7, quick: 2);
        var firstUses = options.Choose(FirstUses, quick: 5_000);
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        Progress.Write("GET /me/: starting the servers");
        var sessions = SessionsInTurn + ((rounds + 1) * firstUses);
        var authApi = await factory.StartAuthApiAsync(sessions);
        var stock = await factory.StartStockAsync(sessions);
        Subject[] subjects = [await factory.StartBareAsync(authApi[0]), stock, .. authApi];
        foreach (var subject in subjects)
        {
            subject.ReserveSessionsForMe(SessionsInTurn);
        }

        // A .NET server needs some twelve seconds of load before its rate stops growing.
        var warmUps = options.Choose(full: 5, quick: 3);
        var length = TimeSpan.FromSeconds(options.Choose(full: 4, quick: 1));
        Rounds.Measure("GET /me/, warming up", warmUps, subjects, subject => subject.GetMe(TimeSpan.FromSeconds(options.Choose(full: 3, quick: 1)), Workload.Connections));

        var me = Rounds.Measure("GET /me/, 32 connections", rounds, subjects, subject => subject.GetMe(length, Workload.Connections));
        Report.Write($"`GET /me/`, 32 connections, {SessionsInTurn:N0} sessions used over and over", me, authApi[0]);

        var wide = Rounds.Measure("GET /me/, 256 connections", rounds, subjects, subject => subject.GetMe(length, Workload.ManyConnections));
        Report.Write($"`GET /me/`, 256 connections, {SessionsInTurn:N0} sessions used over and over", wide, authApi[0]);

        Subject[] withSessions = [stock, .. authApi];
        Rounds.Measure("GET /me/, first use, warming up", 1, withSessions, subject => subject.GetMeFirst(firstUses, Workload.Connections));
        var first = Rounds.Measure("GET /me/, first use", rounds, withSessions, subject => subject.GetMeFirst(firstUses, Workload.Connections));
        Report.Write($"`GET /me/`, 32 connections, {firstUses:N0} sessions in a row, each one's first request", first, authApi[0]);
    }
}
