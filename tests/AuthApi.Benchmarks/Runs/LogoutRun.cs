using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// <c>POST /logout/</c> of many sessions in a row, each ended once: as its first request, over few connections and over many, and after it was used.
/// </summary>
internal static class LogoutRun
{
    private const int InARow = 20_000;

    // Less than AuthApi's cache holds, so that a session is still cached when it ends.
    private const int UsedBefore = 2_000;

    public static async Task RunAsync(RunOptions options)
    {
        var rounds = options.Rounds ?? options.Choose(full: 7, quick: 2);
        var count = options.Choose(InARow, quick: 5_000);
        var warmUps = options.Choose(full: 3, quick: 2);
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        Progress.Write("POST /logout/: starting the servers");
        var sessions = ((warmUps + rounds + rounds) * count) + ((rounds + 1) * UsedBefore);
        var authApi = await factory.StartAuthApiAsync(sessions);
        Subject[] subjects = [await factory.StartStockAsync(sessions), .. authApi];
        Subject[] all = [await factory.StartBareGroupCommitAsync(authApi[0]), .. subjects];

        Rounds.Measure("POST /logout/, warming up", warmUps, all, subject => subject.LogOut(count, Workload.Connections));
        var first = Rounds.Measure("POST /logout/, 32 connections", rounds, all, subject => subject.LogOut(count, Workload.Connections));
        Report.Write($"`POST /logout/`, 32 connections, {count:N0} sessions in a row, each one's first request", first, authApi[0]);

        var wide = Rounds.Measure("POST /logout/, 256 connections", rounds, subjects, subject => subject.LogOut(count, Workload.ManyConnections));
        Report.Write($"`POST /logout/`, 256 connections, {count:N0} sessions in a row, each one's first request", wide, authApi[0]);

        Rounds.Measure("POST /logout/, used before, warming up", 1, subjects, subject => subject.LogOut(UsedBefore, Workload.Connections, usedBefore: true));
        var used = Rounds.Measure("POST /logout/, used before", rounds, subjects, subject => subject.LogOut(UsedBefore, Workload.Connections, usedBefore: true));
        Report.Write(
            $"`POST /logout/`, 32 connections, {UsedBefore:N0} sessions in a row, each used before", used, authApi[0], subject => subject.Replay(Workload.Replayed));
    }
}
