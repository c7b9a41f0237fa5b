using System.Diagnostics;
using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>
/// Modest traffic at a pace that does not depend on how soon it is answered: each connection uses a session, then logs it out.
/// </summary>
internal sealed class PacedLoad(Subject subject)
{
    private const int Connections = 4;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    private readonly ManualResetEventSlim _never = new();
    private readonly Latencies _me = new();
    private readonly Latencies _logout = new();
    private volatile Exception? _failure;

    public static string Description => $"{Connections} connections send a request every {Pace.TotalMilliseconds} ms each, `GET /me/` and `POST /logout/` by turns";

    /// <summary>How many sessions so long a load ends.</summary>
    public static int SessionsFor(TimeSpan duration) => Connections * (int)Math.Ceiling(duration / (2 * Pace));

    /// <returns>The latencies of <c>GET /me/</c> and of <c>POST /logout/</c>.</returns>
    /// <exception cref="InvalidDataException">A response was not as expected.</exception>
    public (Latencies Me, Latencies Logout) Measure(TimeSpan duration)
    {
        var sessions = SessionsFor(duration) / Connections;
        var threads = Enumerable.Range(0, Connections)
            .Select(index => (Offset: Pace * index / Connections, Cookies: subject.Take(sessions)))
            .Select(work => new Thread(() => Work(work.Offset, work.Cookies)))
            .ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return _failure is null ? (_me, _logout) : throw new InvalidDataException(_failure.Message, _failure);
    }

    private void Work(TimeSpan offset, List<string> cookies)
    {
        try
        {
            using var connection = new KeepAliveConnection(subject.Server.EndPoint);
            var (startedAt, due) = (Stopwatch.GetTimestamp(), offset);
            foreach (var cookie in cookies)
            {
                Send(connection, subject.Me(cookie), startedAt, due, _me);
                Send(connection, subject.Logout(cookie), startedAt, due + Pace, _logout);
                due += 2 * Pace;
            }
        }
        catch (Exception exception)
        {
            _failure = exception;
        }
    }

    // A request that had to wait for the response before it counts from when it was due: else one long response would hide the others.
    private void Send(KeepAliveConnection connection, byte[] request, long startedAt, TimeSpan due, Latencies latencies)
    {
        var early = due - Stopwatch.GetElapsedTime(startedAt);
        if (early > TimeSpan.Zero)
        {
            _never.Wait(early);
        }

        var sentAt = early > TimeSpan.Zero ? Stopwatch.GetTimestamp() : startedAt + (long)(due.TotalSeconds * Stopwatch.Frequency);
        connection.Exchange(request, StatusCodes.Status200OK);
        lock (latencies)
        {
            latencies.Add(Stopwatch.GetTimestamp() - sentAt);
        }
    }
}
