using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using AuthApi.Accounts;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// How long those who are signed in wait while strangers flood <c>POST /login/</c>: a modest, steady load of <c>GET /me/</c> and
/// <c>POST /logout/</c>, in turn without and with a flood of wrong passwords. The rate limiter is off, so that what holds is the gate
/// before the password hash.
/// </summary>
internal sealed class Flood
{
    private const int Rounds = 6;
    private const int SteadyConnections = 4;
    private const int Accounts = 16;
    private const string Password = "correct horse battery staple";

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(5);

    // Longer than a login waits for its turn, so that the queue is as long as it gets.
    private static readonly TimeSpan Rise = TimeSpan.FromSeconds(3);

    // Of one connection: half of its requests log out, so together they end 100 sessions a second.
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    private readonly ServerProcess _server;
    private readonly ConcurrentQueue<string> _live;
    private readonly List<byte[]> _logins;

    private Flood(ServerProcess server, IEnumerable<string> tokens, IEnumerable<string> emails)
    {
        _server = server;
        _live = new ConcurrentQueue<string>(tokens.Select(HttpRequests.SessionCookieOf));
        _logins = [.. emails.Select(email => HttpRequests.Login(server.EndPoint, email, "not the password"))];
    }

    public static async Task<int> RunAsync(int connections)
    {
        using var data = new DataFolder();
        var measured = WarmUp + Rise + (2 * Rounds * Round);
        await Seeds.MakeAsync(data.Path, SteadyConnections * (int)(measured / (2 * Pace)));
        using var server = await ServerProcess.StartAsync("authapi", data.Path, "--RateLimiting:Enabled=false");
        var flood = new Flood(server, File.ReadLines(DataFolder.Tokens(data.Path)), await RegisterAsync(server.Address));
        flood.Measure(connections);
        return 0;
    }

    // Seeded users have no password.
    private static async Task<List<string>> RegisterAsync(Uri server)
    {
        using var client = new HttpClient { BaseAddress = server };
        var emails = Enumerable.Range(1, Accounts).Select(index => $"flooded{index}@example.com").ToList();
        foreach (var email in emails)
        {
            using var registered = await client.PostAsJsonAsync("/register/", new RegisterRequest { Email = email, Password = Password });
            registered.EnsureSuccessStatusCode();
        }

        return emails;
    }

    private void Measure(int connections)
    {
        Progress.Say("warming up");
        MeasureSteady(WarmUp);

        var (quiet, flooded) = (new Waits(), new Waits());
        var answers = new ConcurrentDictionary<int, int>();
        var memory = _server.ResidentMemory;
        var floodedFor = TimeSpan.Zero;
        for (var round = 1; round <= Rounds; round++)
        {
            quiet.Add(MeasureSteady(Round));
            using (var logins = new LoginFlood(_server, _logins, connections, answers))
            {
                logins.WaitFor(Rise);
                flooded.Add(MeasureSteady(Round));
                floodedFor += logins.Stop();
            }

            memory = Math.Max(memory, _server.ResidentMemory);
            Progress.Say($"round {round} of {Rounds}: logout p99 {quiet.Logout.Last(0.99):N1} ms quiet, {flooded.Logout.Last(0.99):N1} ms flooded");
        }

        Write(connections, quiet, flooded, answers, floodedFor, memory);
    }

    private Waits MeasureSteady(TimeSpan duration) => new SteadyLoad(_server, _live).Measure(duration);

    private static void Write(
        int connections, Waits quiet, Waits flooded, IReadOnlyDictionary<int, int> answers, TimeSpan floodedFor, long memory)
    {
        Console.WriteLine($"""

            {Environment.ProcessorCount} cores, client and server together; {RuntimeInformation.FrameworkDescription}; warm; {Rounds} rounds of each, in turn.
            {SteadyConnections} connections send a request every {Pace.TotalMilliseconds} ms each, `GET /me/` and `POST /logout/` in turn.
            Flood: {connections} connections log in with wrong passwords, each as fast as it is answered.

            | | quiet p50, ms | quiet p99, ms | flood p50, ms | flood p99, ms | worst, ms | p99 flood / quiet |
            |---|---:|---:|---:|---:|---:|---:|
            {Row("GET /me/", quiet.Me, flooded.Me)}
            {Row("POST /logout/", quiet.Logout, flooded.Logout)}

            The logins of the flood, in {floodedFor.TotalSeconds:N0} s: {string.Join(", ", answers.OrderBy(answer => answer.Key)
                .Select(answer => $"{answer.Value:N0} were answered {answer.Key} ({answer.Value / floodedFor.TotalSeconds:N0}/s)"))}.
            The most memory the server held at the end of a round: {memory / 1e6:N0} MB.
            """);
    }

    private static string Row(string name, Latencies quiet, Latencies flooded) =>
        $"| {name} | {quiet.Of(0.5):N2} | {quiet.Of(0.99):N2} | {flooded.Of(0.5):N2} | {flooded.Of(0.99):N2} | {flooded.Of(1):N1} "
        + $"| **{flooded.Of(0.99) / quiet.Of(0.99):N1}** |";

    /// <summary>How long requests waited for their answers, in milliseconds.</summary>
    private sealed class Latencies
    {
        private readonly List<double> _all = [];
        private int _lastBegins;

        public void Add(Latencies more)
        {
            _lastBegins = _all.Count;
            _all.AddRange(more._all);
        }

        public void Add(TimeSpan latency)
        {
            lock (_all)
            {
                _all.Add(latency.TotalMilliseconds);
            }
        }

        public double Of(double share) => Of(_all, share);

        /// <summary>Of what was added last.</summary>
        public double Last(double share) => Of(_all[_lastBegins..], share);

        private static double Of(List<double> values, double share) =>
            values.Order().ElementAt(Math.Min(values.Count - 1, (int)(values.Count * share)));
    }

    private sealed class Waits
    {
        public Latencies Me { get; } = new();

        public Latencies Logout { get; } = new();

        public void Add(Waits more)
        {
            Me.Add(more.Me);
            Logout.Add(more.Logout);
        }
    }

    /// <summary>Requests at a pace that does not depend on how soon they are answered.</summary>
    private sealed class SteadyLoad(ServerProcess server, ConcurrentQueue<string> live)
    {
        private readonly ManualResetEventSlim _never = new();
        private readonly Waits _waits = new();
        private volatile Exception? _failure;

        public Waits Measure(TimeSpan duration)
        {
            var threads = Enumerable.Range(0, SteadyConnections)
                .Select(index => new Thread(() => Work(Pace * index / SteadyConnections, duration)))
                .ToList();
            threads.ForEach(thread => thread.Start());
            threads.ForEach(thread => thread.Join());
            return _failure is null ? _waits : throw new InvalidDataException(_failure.Message, _failure);
        }

        private void Work(TimeSpan offset, TimeSpan duration)
        {
            try
            {
                using var connection = new KeepAliveConnection(server.EndPoint);
                var startedAt = Stopwatch.GetTimestamp();
                for (var due = offset; due < duration; due += 2 * Pace)
                {
                    var cookie = live.TryDequeue(out var next) ? next : throw new InvalidOperationException("There are no more sessions.");
                    _waits.Me.Add(Send(connection, HttpRequests.Me(server.EndPoint, cookie), startedAt, due));
                    _waits.Logout.Add(Send(connection, HttpRequests.Logout(server.EndPoint, cookie), startedAt, due + Pace));
                }
            }
            catch (Exception exception)
            {
                _failure = exception;
            }
        }

        // A request that had to wait for the answer before it counts from when it was due: else one long answer would hide the others.
        private TimeSpan Send(KeepAliveConnection connection, byte[] request, long startedAt, TimeSpan due)
        {
            var early = due - Stopwatch.GetElapsedTime(startedAt);
            if (early > TimeSpan.Zero)
            {
                _never.Wait(early);
            }

            var sentAt = early > TimeSpan.Zero ? Stopwatch.GetElapsedTime(startedAt) : due;
            connection.Exchange(request, StatusCodes.Status200OK);
            return Stopwatch.GetElapsedTime(startedAt) - sentAt;
        }
    }

    /// <summary>Logins, as many at once as there are connections, until it is stopped.</summary>
    private sealed class LoginFlood : IDisposable
    {
        private readonly ManualResetEventSlim _stop = new();
        private readonly long _startedAt = Stopwatch.GetTimestamp();
        private readonly List<Thread> _threads;
        private volatile Exception? _failure;

        public LoginFlood(ServerProcess server, List<byte[]> logins, int connections, ConcurrentDictionary<int, int> answers)
        {
            _threads = [.. Enumerable.Range(0, connections).Select(index => new Thread(() => Work(server, logins, index, answers)))];
            _threads.ForEach(thread => thread.Start());
        }

        public void WaitFor(TimeSpan time) => _stop.Wait(time);

        /// <returns>How long it lasted.</returns>
        public TimeSpan Stop()
        {
            _stop.Set();
            _threads.ForEach(thread => thread.Join());
            return _failure is null ? Stopwatch.GetElapsedTime(_startedAt) : throw new InvalidDataException(_failure.Message, _failure);
        }

        public void Dispose() => _stop.Set();

        private void Work(ServerProcess server, List<byte[]> logins, int index, ConcurrentDictionary<int, int> answers)
        {
            try
            {
                using var connection = new KeepAliveConnection(server.EndPoint);
                while (!_stop.IsSet)
                {
                    var status = connection.Exchange(logins[index++ % logins.Count]);
                    answers.AddOrUpdate(status, 1, (_, count) => count + 1);
                }
            }
            catch (Exception exception)
            {
                _failure = exception;
            }
        }
    }
}
