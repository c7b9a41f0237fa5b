using System.Diagnostics;

namespace AuthApi.Benchmarks;

/// <summary>
/// AuthApi and the stock cookie, one beside the other on one machine, measured in turn: what else the machine does falls
/// on both, and each round is compared with its neighbour only.
/// </summary>
internal sealed class Comparison
{
    private const int Ok = StatusCodes.Status200OK;
    private const int Unauthorized = StatusCodes.Status401Unauthorized;

    private static readonly long StartedAt = Stopwatch.GetTimestamp();

    private readonly Plan _plan;
    private readonly ServerProcess _authApiServer;
    private readonly ServerProcess _stockServer;
    private readonly LoadGenerator _authApi;
    private readonly LoadGenerator _stock;
    private readonly Queue<string> _live;
    private readonly List<string> _loggedOut = [];
    private readonly string _stockCookie;
    private int _stockLogouts;

    private Comparison(Plan plan, ServerProcess authApi, ServerProcess stock, IEnumerable<string> tokens, string stockCookie)
    {
        _plan = plan;
        _authApiServer = authApi;
        _stockServer = stock;
        _authApi = new LoadGenerator(authApi);
        _stock = new LoadGenerator(stock);
        _live = new Queue<string>(tokens.Select(HttpRequests.SessionCookieOf));
        _stockCookie = stockCookie;
    }

    public static async Task<int> RunAsync(Plan plan)
    {
        try
        {
            await CompareAsync(plan);
            return 0;
        }
        catch (Exception exception)
        {
            // Caught here so that the servers and their files are gone before the program is.
            Console.Error.WriteLine(exception);
            return 1;
        }
    }

    private static async Task CompareAsync(Plan plan)
    {
        using var data = new DataFolder();
        await SeedAsync(data.Path, plan.Sessions);
        using var authApi = await ServerProcess.StartAsync("authapi", data.Path);
        using var stock = await ServerProcess.StartAsync("stock", data.Path);
        var comparison = new Comparison(
            plan, authApi, stock, File.ReadLines(DataFolder.Tokens(data.Path)), await StockLogin.GetCookieAsync(stock.Address));
        comparison.Measure();
    }

    internal static async Task SeedAsync(string folder, int sessions)
    {
        Progress($"making {sessions:N0} sessions");
        using var seeding = ChildProcess.Start("seed", folder, $"{sessions}");
        var said = await seeding.StandardOutput.ReadToEndAsync();
        await seeding.WaitForExitAsync();
        if (seeding.ExitCode != 0)
        {
            throw new InvalidOperationException($"The sessions could not be made: {said}");
        }
    }

    private void Measure()
    {
        var me = MeasureMe();
        WarmUpLogout();
        var logout = MeasureLogout("POST /logout/", _plan.LogoutRounds, _plan.LogoutsARound, usedBefore: true);
        var firstUse = MeasureLogout(
            "POST /logout/, the session's first request", _plan.FirstUseRounds, _plan.FirstUseLogoutsARound, usedBefore: false);
        Report.Write([me, logout, firstUse], Replay());
    }

    private Endpoint MeasureMe()
    {
        var authApi = TakeLive(Plan.MeSessions).ConvertAll(cookie => HttpRequests.Me(_authApiServer.EndPoint, cookie));
        byte[][] stock = [HttpRequests.Me(_stockServer.EndPoint, _stockCookie)];

        Progress("warming up");
        _authApi.SendFor(_plan.MeWarmUp, authApi, Ok);
        _stock.SendFor(_plan.MeWarmUp, stock, Ok);
        return MeasureRounds("GET /me/", _plan.MeRounds, () => (
            _authApi.SendFor(_plan.MeRound, authApi, Ok),
            _stock.SendFor(_plan.MeRound, stock, Ok)));
    }

    private void WarmUpLogout()
    {
        Progress("warming up");
        LogOutOfBoth(_plan.WarmUpLogouts, usedBefore: false);
    }

    private Endpoint MeasureLogout(string name, int rounds, int logouts, bool usedBefore) =>
        MeasureRounds(name, rounds, () => LogOutOfBoth(logouts, usedBefore));

    // Each of AuthApi's logouts needs a session of its own. The stock cookie is logged out of over and over: it stays valid.
    private (Load AuthApi, Load Stock) LogOutOfBoth(int count, bool usedBefore)
    {
        var cookies = TakeLive(count);
        if (usedBefore)
        {
            _authApi.SendOnce(cookies.ConvertAll(cookie => HttpRequests.Me(_authApiServer.EndPoint, cookie)), Ok);
        }

        var authApi = _authApi.SendOnce(cookies.ConvertAll(cookie => HttpRequests.Logout(_authApiServer.EndPoint, cookie)), Ok);
        _loggedOut.AddRange(cookies);
        var stock = _stock.SendFor(authApi.Elapsed, [HttpRequests.Logout(_stockServer.EndPoint, _stockCookie)], Ok);
        _stockLogouts += stock.Requests;
        return (authApi, stock);
    }

    // What the product is about. Any other answer than these ends the program with an error.
    private string Replay()
    {
        var every = _loggedOut.Count / Plan.ReplayedTokens;
        var sample = _loggedOut.Where((_, index) => index % every == 0).ToList();
        _authApi.SendOnce(sample.ConvertAll(cookie => HttpRequests.Me(_authApiServer.EndPoint, cookie)), Unauthorized);
        _stock.SendOnce([HttpRequests.Me(_stockServer.EndPoint, _stockCookie)], Ok);
        return $"""
            Sent again to `GET /me/` at the end, after their logouts:
            - {sample.Count:N0} of AuthApi's {_loggedOut.Count:N0} ended tokens: each was answered 401.
            - The stock cookie, logged out {_stockLogouts:N0} times: it was answered 200.
            """;
    }

    private static Endpoint MeasureRounds(string name, int rounds, Func<(Load AuthApi, Load Stock)> measure)
    {
        var endpoint = new Endpoint(name, []);
        for (var round = 1; round <= rounds; round++)
        {
            var (authApi, stock) = measure();
            endpoint.Rounds.Add(new Round(authApi, stock));
            Progress($"{name}, round {round} of {rounds}: AuthApi {authApi.RequestsPerSecond:N0}/s, stock {stock.RequestsPerSecond:N0}/s");
        }

        return endpoint;
    }

    private List<string> TakeLive(int count) => [.. Enumerable.Range(0, count).Select(_ => _live.Dequeue())];

    // On standard error: beside the report, not in it.
    internal static void Progress(string text) =>
        Console.Error.WriteLine($"{Stopwatch.GetElapsedTime(StartedAt).TotalSeconds,5:N0} s  {text}");
}
