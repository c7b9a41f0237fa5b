using System.Diagnostics;
using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>What a load came to.</summary>
internal readonly record struct Load(int Requests, TimeSpan Elapsed, TimeSpan ServerCpu)
{
    public double RequestsPerSecond => Requests / Elapsed.TotalSeconds;

    public double CpuMicroseconds => ServerCpu.TotalMicroseconds / Requests;
}

/// <summary>
/// Keeps a server busy over a fixed number of connections, each of which sends its next request when it has read the
/// answer to its last. Every answer's status is checked, and the first that is not as expected ends the run.
/// </summary>
internal sealed class LoadGenerator(ServerProcess server)
{
    public const int Connections = 32;

    /// <summary>Sends every request once, in order; with a limit, only those whose turn comes before the time has passed.</summary>
    /// <exception cref="InvalidDataException">An answer was not as expected.</exception>
    public Load SendOnce(IReadOnlyList<byte[]> requests, int expectedStatus, TimeSpan? limit = null) =>
        new Run(server, requests, expectedStatus, limit, repeat: false).Measure();

    /// <summary>Sends the requests, over and over, until the time has passed.</summary>
    /// <exception cref="InvalidDataException">An answer was not as expected.</exception>
    public Load SendFor(TimeSpan duration, IReadOnlyList<byte[]> requests, int expectedStatus) =>
        new Run(server, requests, expectedStatus, duration, repeat: true).Measure();

    private sealed class Run(ServerProcess server, IReadOnlyList<byte[]> requests, int expectedStatus, TimeSpan? limit, bool repeat)
    {
        private readonly ManualResetEventSlim _start = new();
        private long _startedAt;
        private int _taken;
        private int _answered;
        private volatile Exception? _failure;

        public Load Measure()
        {
            var connections = Enumerable.Range(0, Connections).Select(_ => new KeepAliveConnection(server.EndPoint)).ToList();
            var threads = connections.ConvertAll(connection => new Thread(() => Work(connection)));
            threads.ForEach(thread => thread.Start());

            var cpuBefore = server.CpuTime;
            _startedAt = Stopwatch.GetTimestamp();
            _start.Set();
            threads.ForEach(thread => thread.Join());
            var elapsed = Stopwatch.GetElapsedTime(_startedAt);
            var cpu = server.CpuTime - cpuBefore;

            connections.ForEach(connection => connection.Dispose());
            return _failure is null ? new Load(_answered, elapsed, cpu) : throw new InvalidDataException(_failure.Message, _failure);
        }

        private void Work(KeepAliveConnection connection)
        {
            var answered = 0;
            try
            {
                _start.Wait();
                while (Next() is { } request)
                {
                    connection.Exchange(request, expectedStatus);
                    answered++;
                }
            }
            catch (Exception exception)
            {
                _failure = exception;
            }

            Interlocked.Add(ref _answered, answered);
        }

        private byte[]? Next()
        {
            if (_failure is not null || Stopwatch.GetElapsedTime(_startedAt) > limit)
            {
                return null;
            }

            var index = Interlocked.Increment(ref _taken) - 1;
            return repeat ? requests[index % requests.Count] : index < requests.Count ? requests[index] : null;
        }
    }
}
