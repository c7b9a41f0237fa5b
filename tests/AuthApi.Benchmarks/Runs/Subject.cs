using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>One of those that are compared: its server, and its sessions that nobody has ended yet.</summary>
internal sealed class Subject(string title, ServerProcess server, IReadOnlyList<string> cookies) : IDisposable
{
    private const int Ok = StatusCodes.Status200OK;

    private const int UsedTogether = 200;

    // Longer than what is done later waits until it begins, and what an idle server uses in that time.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1.2);
    private static readonly TimeSpan IdleCpu = TimeSpan.FromMilliseconds(20);

    private readonly LoadGenerator _load = new(server);
    private readonly List<string> _loggedOut = [];
    private List<byte[]> _me = [];
    private int _taken;

    public string Title => title;

    public ServerProcess Server => server;

    /// <summary>Keeps sessions at hand that were used, so that it matters to a logout whether its session was.</summary>
    public bool HasCache { get; init; }

    /// <summary>Does a part of each logout after its answer. That is waited for, and its CPU is counted with the logouts'.</summary>
    public bool WorksLater { get; init; }

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
        return WorksLater ? load with { ServerCpu = load.ServerCpu + WaitForLaterWork() } : load;
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
        TimeSpan last;
        do
        {
            last = server.CpuTime;
            Task.Delay(Quiet).GetAwaiter().GetResult();
        }
        while (server.CpuTime - last > IdleCpu);

        return last - before;
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
