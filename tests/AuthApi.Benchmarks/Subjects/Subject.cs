using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>One of those that are compared: its server, and its sessions, each of which is ended once.</summary>
internal sealed class Subject(string title, ServerProcess server, string folder, IReadOnlyList<string> cookies) : IDisposable
{
    public const string Password = "violet-Anchor-meadow-47-tulip";

    private const int Ok = StatusCodes.Status200OK;
    private const int UsedTogether = 200;

    // Longer than any pause after which AuthApi begins with what it has left for later, but for last uses; 0.1 begins within two seconds.
    private static readonly TimeSpan AuthApiIdle = TimeSpan.FromSeconds(2.5);

    // Last uses are written once a minute.
    private static readonly TimeSpan LastUsesWritten = TimeSpan.FromSeconds(62);
    private static readonly TimeSpan OthersIdle = TimeSpan.FromSeconds(0.25);

    private readonly List<string> _loggedOut = [];
    private List<byte[]> _me = [];
    private int _taken;

    public string Title => title;

    public ServerProcess Server => server;

    /// <summary>Where its database lies.</summary>
    public string Folder => folder;

    /// <summary>Its database, where that is on PostgreSQL.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>Whether a logout ends the session, so that no other request can use it.</summary>
    public bool EndsSessions { get; init; } = true;

    /// <summary>Whether it is a build of AuthApi: it caches sessions that were used, and may leave work for later.</summary>
    public bool IsAuthApi { get; init; }

    /// <summary>Sets sessions apart that take turns in <see cref="GetMe"/>.</summary>
    public void ReserveSessionsForMe(int count) => _me = Take(count).ConvertAll(Me);

    /// <summary>Sends <c>GET /me/</c> of the reserved sessions for so long.</summary>
    public Load GetMe(TimeSpan duration, int connections) => new LoadGenerator(server, connections).SendFor(duration, _me, Ok);

    /// <summary>Sends one <c>GET /me/</c> of each of so many sessions that were not used before, and waits until their last uses are written.</summary>
    public Load GetMeFirst(int count, int connections) =>
        Settle(new LoadGenerator(server, connections).SendOnce(Take(count).ConvertAll(Me), Ok), IsAuthApi ? LastUsesWritten : TimeSpan.Zero);

    /// <summary>Ends so many sessions, each with a request of its own.</summary>
    /// <param name="count">How many.</param>
    /// <param name="connections">Over how many connections.</param>
    /// <param name="usedBefore">Whether each session is used before the clock starts; otherwise its logout is its first request.</param>
    /// <param name="limit">Ends earlier when so much time has passed.</param>
    public Load LogOut(int count, int connections, bool usedBefore = false, TimeSpan? limit = null)
    {
        var ending = Take(count);
        var load = new LoadGenerator(server, connections);
        if (usedBefore && IsAuthApi)
        {
            // Twice, a few at a time: in the cache, a session that was used once makes way for those after it.
            load.SendOnce([.. ending.ConvertAll(Me).Chunk(UsedTogether).SelectMany(chunk => chunk.Concat(chunk))], Ok);
            WaitUntilIdle();
        }

        var result = load.SendOnce(ending.ConvertAll(Logout), Ok, limit);
        _loggedOut.AddRange(ending[..result.Requests]);
        return Settle(result);
    }

    /// <summary>Registers so many accounts and returns their e-mail addresses.</summary>
    public async Task<List<string>> RegisterAsync(int count)
    {
        using var client = new HttpClient { BaseAddress = server.Address };
        var emails = Enumerable.Range(1, count).Select(index => $"user{index}@example.com").ToList();
        foreach (var email in emails)
        {
            using var registered = await client.PostAsJsonAsync("/register/", new { email, Password });
            registered.EnsureSuccessStatusCode();
        }

        return emails;
    }

    /// <summary>Sends each login once, with any response.</summary>
    public Load LogIn(IReadOnlyList<byte[]> logins, int connections) => Settle(new LoadGenerator(server, connections).SendOnce(logins, expectedStatus: null));

    public byte[] Login(string email, string password) => HttpRequests.Login(server.EndPoint, email, password);

    public byte[] Me(string cookie) => HttpRequests.Me(server.EndPoint, cookie);

    public byte[] Logout(string cookie) => HttpRequests.Logout(server.EndPoint, cookie);

    /// <summary>Takes sessions that were not used before. A stateless application's are used again when all were used.</summary>
    /// <exception cref="InvalidOperationException">There are no more.</exception>
    public List<string> Take(int count)
    {
        var first = _taken;
        _taken += count;
        return EndsSessions && _taken > cookies.Count
            ? throw new InvalidOperationException($"{title} has no more sessions.")
            : [.. Enumerable.Range(first, count).Select(index => cookies[index % cookies.Count])];
    }

    /// <summary>Sends <c>GET /me/</c> with sessions that were logged out.</summary>
    /// <returns>What came of it, as a sentence.</returns>
    /// <exception cref="InvalidDataException">A session works on that has ended, or does not that has not.</exception>
    public string Replay(int count)
    {
        var every = Math.Max(1, _loggedOut.Count / count);
        var sent = _loggedOut.Where((_, index) => index % every == 0).Select(Me).ToList();
        var status = EndsSessions ? StatusCodes.Status401Unauthorized : Ok;
        new LoadGenerator(server, connections: 1).SendOnce(sent, status);
        return $"{title}: {sent.Count:N0} of {_loggedOut.Count:N0} sessions were used again after their logout. Each response was {status}.";
    }

    /// <summary>Waits until the server does nothing any more.</summary>
    /// <returns>The CPU that it used, and for how long it was busy.</returns>
    public (TimeSpan Cpu, TimeSpan Busy) WaitUntilIdle(TimeSpan atLeast = default) => server.WaitUntilIdle(IsAuthApi ? AuthApiIdle : OthersIdle, atLeast);

    public void Dispose() => server.Dispose();

    /// <summary>Adds what the server still does after its last response.</summary>
    private Load Settle(Load load, TimeSpan atLeast = default)
    {
        var (cpu, busy) = WaitUntilIdle(atLeast);
        return load with { ServerCpu = load.ServerCpu + cpu, BusyAfter = busy };
    }
}
