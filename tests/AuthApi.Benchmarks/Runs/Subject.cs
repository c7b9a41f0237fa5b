using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>One of those that are compared: its server, and its sessions that nobody has ended yet.</summary>
internal sealed class Subject(string title, ServerProcess server, IReadOnlyList<string> cookies) : IDisposable
{
    private const int Ok = StatusCodes.Status200OK;

    private const int UsedTogether = 200;

    // As long as it takes, and more, to copy the database's log.
    private static readonly TimeSpan CopyingTheLog = TimeSpan.FromMilliseconds(300);

    private readonly LoadGenerator _load = new(server);
    private readonly List<string> _loggedOut = [];
    private List<byte[]> _me = [];
    private int _taken;

    public string Title => title;

    public ServerProcess Server => server;

    /// <summary>Keeps sessions at hand that were used, so that it matters to a logout whether its session was.</summary>
    public bool HasCache { get; init; }

    /// <summary>Whether it copies its database's log beside the logouts. That is waited for, and its CPU counted with the logouts'.</summary>
    public bool CopiesItsLog { get; init; }

    /// <summary>What it answers to a token that was logged out.</summary>
    public int StatusAfterLogout { get; init; } = StatusCodes.Status401Unauthorized;

    public int LoggedOut => _loggedOut.Count;

    /// <summary>Sets sessions apart that take turns in <c>GET /me/</c>.</summary>
    public void TakeSessionsForMe(int count) => _me = Take(count).ConvertAll(Me);

    public Load GetMe(TimeSpan duration) => _load.SendFor(duration, _me, Ok);

    /// <summary>Ends sessions, each with a request of its own, until all have ended or the time has passed.</summary>
    public Load LogOut(int count, TimeSpan limit, bool usedBefore)
    {
        var ending = Take(count);
        if (usedBefore && HasCache)
        {
            // Twice, a few at a time: in the cache, a session that was used once makes way for those after it.
            _load.SendOnce([.. ending.ConvertAll(Me).Chunk(UsedTogether).SelectMany(chunk => chunk.Concat(chunk))], Ok);
        }

        var load = _load.SendOnce(ending.ConvertAll(cookie => HttpRequests.Logout(server.EndPoint, cookie)), Ok, limit);
        _loggedOut.AddRange(ending[..load.Requests]);
        return CopiesItsLog ? load with { ServerCpu = load.ServerCpu + WaitForLaterWork() } : load;
    }

    /// <summary>Uses each session that was not used yet, in turn, until the time has passed.</summary>
    public Load GetMeFirst(int count, TimeSpan limit) => _load.SendOnce(Take(count).ConvertAll(Me), Ok, limit);

    /// <summary>Sends tokens again after their logout. Any other answer than the expected ends the program with an error.</summary>
    /// <returns>How many.</returns>
    public int Replay(int count)
    {
        var every = Math.Max(1, _loggedOut.Count / count);
        return _load.SendOnce([.. _loggedOut.Where((_, index) => index % every == 0).Select(Me)], StatusAfterLogout).Requests;
    }

    public void Dispose() => server.Dispose();

    /// <returns>The CPU that it took.</returns>
    private TimeSpan WaitForLaterWork()
    {
        var before = server.CpuTime;
        Task.Delay(CopyingTheLog).GetAwaiter().GetResult();
        return server.CpuTime - before;
    }

    private byte[] Me(string cookie) => HttpRequests.Me(server.EndPoint, cookie);

    // A cookie that no logout ends serves for all.
    private List<string> Take(int count)
    {
        if (StatusAfterLogout == Ok)
        {
            return [.. Enumerable.Repeat(cookies[0], count)];
        }

        var taken = cookies.Skip(_taken).Take(count).ToList();
        _taken += count;
        return taken.Count == count ? taken : throw new InvalidOperationException($"{title} has no more sessions.");
    }
}
