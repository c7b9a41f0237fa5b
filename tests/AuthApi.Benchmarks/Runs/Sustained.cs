using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// Logouts without a pause, for so long that what AuthApi does of each after its answer has to be done beside the next ones. Each session's
/// logout is its first request. Beside it the stateless cookie, whose logout writes nothing, in turn.
/// </summary>
internal static class Sustained
{
    private const int Rounds = 3;
    private const int MostASecond = 12_000;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(10);

    public static async Task<int> RunAsync(int seconds)
    {
        using var data = new DataFolder();
        var (aRound, duration) = (seconds * MostASecond, TimeSpan.FromSeconds(seconds));
        var warmUp = (int)WarmUp.TotalSeconds * MostASecond;
        Progress.Say($"making {warmUp + (Rounds * aRound):N0} sessions");
        await Seeds.MakeAsync(data.Path, warmUp + (Rounds * aRound));
        using var authApi = new Subject("AuthApi", await ServerProcess.StartAsync("authapi", data.Path), Seeds.Cookies(data.Path));
        var stockServer = await ServerProcess.StartAsync("stock", data.Path);
        using var stock = new Subject("Identity's stateless cookie", stockServer, [await StockLogin.GetCookieAsync(stockServer.Address)])
        {
            StatusAfterLogout = StatusCodes.Status200OK,
        };

        foreach (var subject in (Subject[])[authApi, stock])
        {
            Progress.Say($"warming up: {subject.Title}");
            subject.LogOut(warmUp, WarmUp, usedBefore: false);
        }

        var rounds = Runs.Rounds.Measure("POST /logout/, without a pause", Rounds, [authApi, stock], subject => subject.LogOut(aRound, duration, usedBefore: false));
        Console.WriteLine($"""

            {Report.Machine}
            {Rounds} rounds of {seconds} seconds each; medians. Each logout is its session's first request.

            | | requests/s | CPU µs |
            |---|---:|---:|
            {string.Join(Environment.NewLine, ((Subject[])[authApi, stock]).Select(subject =>
                $"| {subject.Title} | {rounds.Median(subject, load => load.RequestsPerSecond):N0} | {rounds.Median(subject, load => load.CpuMicroseconds):N0} |"))}

            {Goal.Header}
            {new Goal("`POST /logout/` without a pause, requests/s, to the stateless cookie's", 1).Row(rounds.Ratios(authApi, stock, load => load.RequestsPerSecond))}

            Sent again: {authApi.Replay(Plan.ReplayedTokens):N0} of {authApi.LoggedOut:N0} ended sessions, each answered 401.
            """);
        return 0;
    }
}
