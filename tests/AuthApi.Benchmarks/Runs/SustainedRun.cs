using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>Logouts without a pause, for so long that nothing can be left for later. Each session's logout is its first request.</summary>
internal static class SustainedRun
{
    private const int MaxASecond = 16_000;

    public static async Task RunAsync(RunOptions options)
    {
        var rounds = options.Rounds ?? options.Choose(full: 3, quick: 1);
        var length = TimeSpan.FromSeconds(options.Number ?? options.Choose(full: 30, quick: 10));
        var warmUp = TimeSpan.FromSeconds(options.Choose(full: 10, quick: 5));
        var (aRound, first) = ((int)(length.TotalSeconds * MaxASecond), (int)(warmUp.TotalSeconds * MaxASecond));
        Progress.Write($"starting the servers with {first + (rounds * aRound):N0} sessions");
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        var authApi = await factory.StartAuthApiAsync(first + (rounds * aRound));
        Subject[] subjects = [await factory.StartStockAsync(aRound), .. authApi];
        Rounds.Measure("POST /logout/ without a pause, warming up", 1, subjects, subject => subject.LogOut(first, Workload.Connections, limit: warmUp));
        var logout = Rounds.Measure("POST /logout/ without a pause", rounds, subjects, subject => subject.LogOut(aRound, Workload.Connections, limit: length));
        Report.Write(
            $"`POST /logout/` without a pause for {length.TotalSeconds:N0} s, 32 connections, each session's first request",
            logout,
            authApi[0],
            subject => subject.Replay(Workload.Replayed));
    }
}
