using System.Diagnostics;
using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>
/// Keeps a server busy over a fixed number of connections, each of which sends its next request when it has read the response to its last.
/// A status that is not as expected ends the run; without an expected one the statuses are counted.
/// </summary>
/// <remarks>
/// One thread serves all connections, as in wrk: a thread for each would compete for the cores with the server that is measured, and the
/// time until it is scheduled would be counted as the server's. <c>check-wrk</c> compares the two.
/// </remarks>
internal sealed class LoadGenerator(ServerProcess server, int connections)
{
    // Room that is reserved before the clock starts, so that the list does not grow while it runs.
    private const int Reserved = 1_000_000;

    // Until the server has accepted all connections: setting them up is no part of a request.
    private static readonly TimeSpan Accepting = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxSilence = TimeSpan.FromSeconds(30);

    /// <summary>Sends every request once, in order; with a limit, only those that can be sent before the time has passed.</summary>
    /// <exception cref="InvalidDataException">A response was not as expected.</exception>
    public Load SendOnce(IReadOnlyList<byte[]> requests, int? expectedStatus, TimeSpan? limit = null) =>
        Send(index => index < requests.Count ? requests[index] : null, expectedStatus, limit ?? TimeSpan.MaxValue);

    /// <summary>Sends the requests, over and over, until the time has passed.</summary>
    /// <exception cref="InvalidDataException">A response was not as expected.</exception>
    public Load SendFor(TimeSpan duration, IReadOnlyList<byte[]> requests, int? expectedStatus) =>
        Send(index => requests[index % requests.Count], expectedStatus, duration);

    /// <summary>Sends requests until there are no more, or the time has passed.</summary>
    /// <param name="next">The request with an index from 0 on, or null after the last.</param>
    /// <param name="expectedStatus">The status of every response, or null for any.</param>
    /// <param name="limit">When the time has passed, no more are sent, and the responses to those that were sent are waited for.</param>
    /// <exception cref="InvalidDataException">A response was not as expected.</exception>
    public Load Send(Func<int, byte[]?> next, int? expectedStatus, TimeSpan limit)
    {
        var open = new List<KeepAliveConnection>(connections);
        try
        {
            while (open.Count < connections)
            {
                open.Add(new KeepAliveConnection(server.EndPoint));
            }

            Task.Delay(Accepting).GetAwaiter().GetResult();
            return Send(open, next, expectedStatus, limit);
        }
        finally
        {
            open.ForEach(connection => connection.Dispose());
        }
    }

    private Load Send(List<KeepAliveConnection> open, Func<int, byte[]?> next, int? expectedStatus, TimeSpan limit)
    {
        var latencies = new Latencies(Reserved);
        var statuses = new SortedDictionary<int, int>();
        var (sent, waiting) = (0, 0);
        using var readable = new ReadableSockets(open);
        var cpuBefore = server.CpuTime;
        var startedAt = Stopwatch.GetTimestamp();
        var lastAt = startedAt;
        foreach (var connection in open)
        {
            if (next(sent) is { } request)
            {
                sent++;
                waiting++;
                connection.Send(request);
            }
            else
            {
                readable.Remove(connection);
            }
        }

        while (waiting > 0)
        {
            var count = readable.Wait(MaxSilence);
            if (count == 0)
            {
                throw new InvalidDataException($"No response for {MaxSilence.TotalSeconds:N0} seconds.");
            }

            for (var i = 0; i < count; i++)
            {
                var connection = open[readable[i]];
                if (!connection.TryReceive(expectedStatus, out var status))
                {
                    continue;
                }

                lastAt = Stopwatch.GetTimestamp();
                latencies.Add(lastAt - connection.SentAt);
                statuses[status] = statuses.GetValueOrDefault(status) + 1;
                if (Stopwatch.GetElapsedTime(startedAt, lastAt) < limit && next(sent) is { } request)
                {
                    sent++;
                    connection.Send(request);
                }
                else
                {
                    waiting--;
                    readable.Remove(connection);
                }
            }
        }

        return new Load(latencies, statuses, Stopwatch.GetElapsedTime(startedAt, lastAt), server.CpuTime - cpuBefore);
    }
}
