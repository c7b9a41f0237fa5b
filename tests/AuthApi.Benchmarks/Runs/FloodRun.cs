using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// How long those who are signed in wait while others flood <c>POST /login/</c> with wrong passwords: the same modest traffic without the
/// flood and with it, by turns. The rate limits are too high to be reached, so that what protects is the limit of concurrent hashes.
/// </summary>
internal static class FloodRun
{
    private const int Accounts = 16;

    // Longer than a login waits, so that the queue is as long as it gets.
    private static readonly TimeSpan Rise = TimeSpan.FromSeconds(3);

    public static async Task RunAsync(RunOptions options)
    {
        var connections = options.Number ?? 64;
        var rounds = options.Rounds ?? options.Choose(full: 6, quick: 2);
        var length = TimeSpan.FromSeconds(options.Choose(full: 5, quick: 2));
        var warmUp = TimeSpan.FromSeconds(options.Choose(full: 8, quick: 3));
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        Progress.Write("starting the servers");
        var sessions = PacedLoad.SessionsFor(warmUp) + (2 * rounds * PacedLoad.SessionsFor(length));
        Subject[] subjects = [await factory.StartStockAsync(sessions), .. await factory.StartAuthApiAsync(sessions)];
        var floods = new Dictionary<Subject, Flood>();
        foreach (var subject in subjects)
        {
            floods.Add(subject, new Flood(subject, await subject.RegisterAsync(Accounts), connections));
            new PacedLoad(subject).Measure(warmUp);
        }

        for (var round = 0; round < rounds; round++)
        {
            foreach (var subject in Enumerable.Range(round, subjects.Length).Select(index => subjects[index % subjects.Length]))
            {
                floods[subject].Measure(length);
                Progress.Write($"round {round + 1} of {rounds}, {subject.Title}: logout p99 {floods[subject].Quiet.Logout[^1].P99:N1} ms, in the flood {floods[subject].Flooded.Logout[^1].P99:N1} ms");
            }
        }

        Console.WriteLine($"""

            **A flood of logins**, {rounds} rounds: {connections} connections log in with wrong passwords, each as fast as it is answered.
            Beside them {PacedLoad.Description}.

            | | | quiet p50, ms | p99, ms | max, ms | flood p50, ms | p99, ms | max, ms | p99 flood / quiet |
            |---|---|---:|---:|---:|---:|---:|---:|---:|
            {string.Join(Environment.NewLine, subjects.Select(subject => floods[subject].Rows()))}

            {string.Join(Environment.NewLine, subjects.Select(subject => floods[subject].Logins()))}
            """);
    }

    private sealed class Flood(Subject subject, IReadOnlyList<string> emails, int connections)
    {
        private readonly List<byte[]> _logins = new LoginSequence(subject, emails, "not the password").Take(emails.Count);
        private readonly List<Load> _floods = [];
        private long _memory;

        public Series Quiet { get; } = new();

        public Series Flooded { get; } = new();

        public void Measure(TimeSpan length)
        {
            Quiet.Add(new PacedLoad(subject).Measure(length));
            var flood = Task.Factory.StartNew(
                () => new LoadGenerator(subject.Server, connections).SendFor(Rise + length, _logins, expectedStatus: null),
                TaskCreationOptions.LongRunning);
            Task.Delay(Rise).GetAwaiter().GetResult();
            Flooded.Add(new PacedLoad(subject).Measure(length));
            _floods.Add(flood.GetAwaiter().GetResult());
            _memory = Math.Max(_memory, subject.Server.ResidentMemory);
            subject.WaitUntilIdle();
        }

        public string Rows() => $"{Row("`GET /me/`", Quiet.Me, Flooded.Me)}{Environment.NewLine}{Row("`POST /logout/`", Quiet.Logout, Flooded.Logout)}";

        public string Logins()
        {
            var seconds = _floods.Sum(load => load.Elapsed.TotalSeconds);
            var statuses = _floods.SelectMany(load => load.Statuses).GroupBy(status => status.Key, status => status.Value).OrderBy(status => status.Key);
            return $"- {subject.Title}: in {seconds:N0} s of flood {string.Join(", ", statuses.Select(status => $"{status.Sum():N0} responses {status.Key}"))}; "
                + $"at most {_memory / 1e6:N0} MB resident at the end of a round.";
        }

        private string Row(string call, List<Latencies> quiet, List<Latencies> flooded) =>
            $"| {subject.Title} | {call} | {Cells(quiet)} | {Cells(flooded)} | {quiet.Zip(flooded, (without, with) => with.P99 / without.P99).ToList().Spread()} |";

        private static string Cells(List<Latencies> rounds) =>
            $"{rounds.Select(round => round.P50).Median():N2} | {rounds.Select(round => round.P99).Median():N2} | {rounds.Select(round => round.Max).Median():N1} ({rounds.Max(round => round.Max):N1})";
    }

    private sealed class Series
    {
        public List<Latencies> Me { get; } = [];

        public List<Latencies> Logout { get; } = [];

        public void Add((Latencies Me, Latencies Logout) round)
        {
            Me.Add(round.Me);
            Logout.Add(round.Logout);
        }
    }
}
