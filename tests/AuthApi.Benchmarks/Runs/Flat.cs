using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// Whether it matters how many sessions live: two servers of AuthApi, one over few sessions and one over many, measured in turn by
/// the same requests.
/// </summary>
internal sealed class Flat(Subject few, Subject many)
{
    private const int Sessions = 1_000;
    private const int Rounds = 7;
    private const int WarmUpLogouts = 20_000;
    private const int FirstUses = 2_000;
    private const int UsesBetweenSamples = 100_000;

    private static readonly TimeSpan MeWarmUp = TimeSpan.FromSeconds(14);
    private static readonly TimeSpan MeRound = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LogoutWarmUp = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LogoutRound = TimeSpan.FromSeconds(2);

    // Beside the thousand, those that the measurement itself ends and uses first.
    private static int Needed => Sessions + WarmUpLogouts + (Rounds * (Plan.LogoutsARound + FirstUses));

    public static async Task<int> RunAsync(int sessions)
    {
        if (sessions < Needed)
        {
            throw new ArgumentOutOfRangeException(nameof(sessions), sessions, $"There must be {Needed} sessions or more.");
        }

        using var data = new DataFolder();
        using var few = await StartAsync(data, Needed);
        using var many = await StartAsync(data, sessions);
        new Flat(few, many).Measure(sessions);
        return 0;
    }

    private static async Task<Subject> StartAsync(DataFolder data, int sessions)
    {
        var folder = data.Add($"{sessions}");
        Progress.Say($"making {sessions:N0} sessions");
        await Seeds.MakeAsync(folder, sessions);
        return new Subject($"{sessions:N0} sessions", await ServerProcess.StartAsync("authapi", folder), Seeds.Cookies(folder)) { HasCache = true, CopiesItsLog = true };
    }

    private void Measure(int sessions)
    {
        foreach (var subject in (Subject[])[few, many])
        {
            Progress.Say($"warming up: {subject.Title}");
            subject.TakeSessionsForMe(Sessions);
            subject.GetMe(MeWarmUp);
            subject.LogOut(WarmUpLogouts, LogoutWarmUp, usedBefore: false);
        }

        var me = MeasureRounds("GET /me/", subject => subject.GetMe(MeRound));
        var logout = MeasureRounds("POST /logout/", subject => subject.LogOut(Plan.LogoutsARound, LogoutRound, usedBefore: true));
        var first = MeasureRounds("GET /me/, first request", subject => subject.GetMeFirst(FirstUses, LogoutRound));

        Console.WriteLine($"""

            {Report.Machine}
            Rates are medians of {Rounds} rounds; the goal is for the ratio of the same round: median (least to most).
            {Sessions:N0} sessions take turns in `GET /me/`; the others are there to be ended, or to be used for the first time.

            | | {few.Title}, requests/s | {many.Title}, requests/s | goal | reached | |
            |---|---:|---:|---:|---:|---|
            {Row("`GET /me/`", me, 0.9)}
            {Row("`POST /logout/`", logout, 0.9)}
            {Row("`GET /me/`, the session's first request: read from the store", first, 0.9)}

            Resident memory: {few.Title}: {Megabytes(few)} MB; {many.Title}: {Megabytes(many)} MB.
            """);
        UseAll(sessions - Needed);
    }

    private void UseAll(int sessions)
    {
        if (sessions < UsesBetweenSamples)
        {
            return;
        }

        Console.WriteLine($"""
            As more sessions are used, each once, the server over {many.Title} holds:

            | sessions used | resident memory, MB |
            |---:|---:|
            """);
        for (var used = UsesBetweenSamples; used <= sessions; used += UsesBetweenSamples)
        {
            many.GetMeFirst(UsesBetweenSamples, TimeSpan.FromMinutes(5));
            Console.WriteLine($"| {used:N0} | {Megabytes(many)} |");
        }
    }

    private Rounds MeasureRounds(string name, Func<Subject, Load> measure) => Runs.Rounds.Measure(name, Rounds, [few, many], measure);

    private string Row(string name, Rounds rounds, double goal)
    {
        var rates = $"{rounds.Median(few, load => load.RequestsPerSecond):N0} | {rounds.Median(many, load => load.RequestsPerSecond):N0}";
        return $"| {name} | {rates} {new Goal(name, goal).Cells(rounds.Ratios(many, few, load => load.RequestsPerSecond))}";
    }

    private static string Megabytes(Subject subject) => $"{subject.Server.ResidentMemory / 1e6:N0}";
}
