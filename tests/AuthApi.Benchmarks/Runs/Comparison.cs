using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// AuthApi, the stock cookie, a ticket store and the bare limits beside each other on one machine. Each round measures every one
/// of them once, in turn, and is compared with itself only: what else the machine does falls on all.
/// </summary>
internal sealed class Comparison : IDisposable
{
    private readonly Plan _plan;

    private Comparison(Plan plan) => _plan = plan;

    public required Subject AuthApi { get; init; }

    public required Subject Stock { get; init; }

    public required Subject Tickets { get; init; }

    public required Subject Bare { get; init; }

    public required Subject BareTransactions { get; init; }

    public required Subject BareGroup { get; init; }

    public IReadOnlyList<Subject> All => [AuthApi, Stock, Tickets, Bare, BareTransactions, BareGroup];

    public static async Task<int> RunAsync(Plan plan)
    {
        using var data = new DataFolder();
        using var comparison = await StartAsync(plan, data.Path);
        comparison.Measure();
        return 0;
    }

    public void Dispose()
    {
        foreach (var subject in All)
        {
            subject.Dispose();
        }
    }

    private static async Task<Comparison> StartAsync(Plan plan, string folder)
    {
        Progress.Say($"making {plan.Sessions:N0} sessions");
        await Task.WhenAll(Seeds.MakeAsync(folder, plan.Sessions), Seeds.MakeTicketsAsync(folder, plan.Sessions));
        var cookies = Seeds.Cookies(folder);
        var tickets = File.ReadLines(DataFolder.TicketsCookies(folder)).Order(StringComparer.Ordinal).ToList();

        Progress.Say("starting the servers");
        var servers = new Dictionary<string, ServerProcess>();
        try
        {
            foreach (var name in Servers.Names)
            {
                servers.Add(name, await ServerProcess.StartAsync(name, folder));
            }

            return new Comparison(plan)
            {
                AuthApi = new Subject("AuthApi", servers["authapi"], cookies) { HasCache = true, CopiesItsLog = true },
                Stock = new Subject("Identity's stateless cookie", servers["stock"], [await StockLogin.GetCookieAsync(servers["stock"].Address)])
                {
                    StatusAfterLogout = StatusCodes.Status200OK,
                },
                Tickets = new Subject("Identity with an `ITicketStore` on EF Core SQLite", servers["tickets"], tickets),
                Bare = new Subject("bare Kestrel: SHA-256 of the cookie, a dictionary", servers["bare"], cookies),
                BareTransactions = new Subject("the same + one durable SQLite transaction a logout", servers["bare-transactions"], cookies),
                BareGroup = new Subject("the same + one writer that commits all waiting logouts together", servers["bare-group"], cookies),
            };
        }
        catch
        {
            foreach (var server in servers.Values)
            {
                server.Dispose();
            }

            throw;
        }
    }

    private void Measure()
    {
        // The bare ones differ in their logout only.
        Subject[] measured = [AuthApi, Stock, Tickets, Bare];
        foreach (var subject in measured)
        {
            subject.TakeSessionsForMe(Plan.MeSessions);
        }

        Rounds.Measure("GET /me/, warming up", _plan.WarmUpRounds, measured, subject => subject.GetMe(_plan.MeWarmUp));
        var me = Rounds.Measure("GET /me/", _plan.MeRounds, measured, subject => subject.GetMe(_plan.MeRound));

        Rounds.Measure("POST /logout/, warming up", _plan.WarmUpRounds, All,
            subject => subject.LogOut(_plan.WarmUpLogouts, _plan.LogoutWarmUp, usedBefore: true));
        var logout = Rounds.Measure("POST /logout/", _plan.LogoutRounds, All,
            subject => subject.LogOut(Plan.LogoutsARound, _plan.LogoutRound, usedBefore: true));

        var first = Rounds.Measure("POST /logout/ first", _plan.FirstUseRounds, [AuthApi, Stock, Tickets],
            subject => subject.LogOut(Plan.LogoutsARound, _plan.LogoutRound, usedBefore: false));
        Report.Write(this, new Figures(me, logout, first));
    }
}
