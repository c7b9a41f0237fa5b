using System.Collections.Concurrent;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// Full load for minutes: on every connection <c>GET /me/</c> of sessions that stay, and now and then a session that is used for the
/// first time and ended. What the server holds must level off.
/// </summary>
internal sealed class Soak
{
    private const int StayingSessions = 1_000;

    // A connection's calls for each session it ends; sessions enough for this many ends a second.
    private const int CallsBetweenEnds = 20;
    private const int MostEndsASecond = 800;
    private const double Tolerance = 1.05;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly ServerProcess _server;
    private readonly string _log;
    private readonly List<byte[]> _staying;
    private readonly ConcurrentQueue<string> _ending;
    private readonly List<Sample> _samples = [];
    private volatile bool _stop;
    private volatile Exception? _failure;
    private long _requests;
    private long _ended;

    private Soak(ServerProcess server, string log, List<string> cookies)
    {
        _server = server;
        _log = log;
        _staying = cookies[..StayingSessions].ConvertAll(cookie => HttpRequests.Me(server.EndPoint, cookie));
        _ending = new ConcurrentQueue<string>(cookies[StayingSessions..]);
    }

    public static async Task<int> RunAsync(int minutes)
    {
        using var data = new DataFolder();
        var sessions = StayingSessions + (minutes * 60 * MostEndsASecond);
        Progress.Say($"making {sessions:N0} sessions");
        await Seeds.MakeAsync(data.Path, sessions);
        using var server = await ServerProcess.StartAsync("authapi", data.Path);
        var soak = new Soak(server, DataFolder.AuthApiDatabase(data.Path) + "-wal", Seeds.Cookies(data.Path));
        await soak.MeasureAsync(TimeSpan.FromMinutes(minutes));
        soak.Write();
        return 0;
    }

    private async Task MeasureAsync(TimeSpan duration)
    {
        var threads = Enumerable.Range(0, LoadGenerator.Connections).Select(index => new Thread(() => Work(index))).ToList();
        threads.ForEach(thread => thread.Start());
        using var timer = new PeriodicTimer(Interval);
        var before = 0L;
        for (var at = Interval; at <= duration && _failure is null; at += Interval)
        {
            await timer.WaitForNextTickAsync();
            var requests = Interlocked.Read(ref _requests);
            var sample = new Sample(at, _server.ResidentMemory, _server.Handles, new FileInfo(_log).Length, (requests - before) / Interval.TotalSeconds);
            before = requests;
            _samples.Add(sample);
            Progress.Say($"{sample.Rate:N0}/s, {sample.Memory / 1e6:N0} MB, {sample.Handles} handles, log {sample.Log / 1e6:N1} MB");
        }

        _stop = true;
        threads.ForEach(thread => thread.Join());
        if (_failure is not null)
        {
            throw new InvalidDataException(_failure.Message, _failure);
        }
    }

    private void Work(int index)
    {
        try
        {
            using var connection = new KeepAliveConnection(_server.EndPoint);
            while (!_stop && _failure is null)
            {
                for (var call = 0; call < CallsBetweenEnds; call++)
                {
                    connection.Exchange(_staying[index++ % _staying.Count], StatusCodes.Status200OK);
                }

                Interlocked.Add(ref _requests, CallsBetweenEnds);
                if (_ending.TryDequeue(out var cookie))
                {
                    connection.Exchange(HttpRequests.Me(_server.EndPoint, cookie), StatusCodes.Status200OK);
                    connection.Exchange(HttpRequests.Logout(_server.EndPoint, cookie), StatusCodes.Status200OK);
                    Interlocked.Add(ref _requests, 2);
                    Interlocked.Increment(ref _ended);
                }
            }
        }
        catch (Exception exception)
        {
            _failure = exception;
        }
    }

    private void Write()
    {
        // A row a minute; every sample of a run that is too short for that.
        var rows = _samples.Count <= 18 ? _samples : _samples.Where(sample => sample.At.Seconds == 0);
        Console.WriteLine($"""

            Full load on {LoadGenerator.Connections} connections for {_samples[^1].At:m\:ss} minutes: {_requests:N0} requests, of which {_ended:N0} ended a session.

            | minute | requests/s | resident memory, MB | handles | write-ahead log, MB |
            |---:|---:|---:|---:|---:|
            {string.Join(Environment.NewLine, rows.Select(sample =>
                $"| {sample.At:m\\:ss} | {sample.Rate:N0} | {sample.Memory / 1e6:N0} | {sample.Handles} | {sample.Log / 1e6:N1} |"))}

            The median of the last third over that of the second: memory {Verdict(sample => sample.Memory)}, handles {Verdict(sample => sample.Handles)},
            log {Verdict(sample => sample.Log)}; growing is what is more than {Tolerance:N2}.
            """);
    }

    private string Verdict(Func<Sample, double> figure)
    {
        var third = _samples.Count / 3;
        var ratio = _samples[^third..].Select(figure).Median() / _samples[third..^third].Select(figure).Median();
        return $"**{(ratio > Tolerance ? "growing" : "level")}** ({ratio:N2})";
    }

    private sealed record Sample(TimeSpan At, double Memory, int Handles, double Log, double Rate);
}
