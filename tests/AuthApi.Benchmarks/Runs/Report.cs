using System.Runtime.InteropServices;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>The comparison as Markdown.</summary>
internal static class Report
{
    private static readonly Func<Load, double> Rate = load => load.RequestsPerSecond;
    private static readonly Func<Load, double> Cpu = load => load.CpuMicroseconds;

    /// <summary>What the figures were taken on.</summary>
    public static string Machine =>
        $"{Environment.ProcessorCount} cores, client and server together; {RuntimeInformation.FrameworkDescription}; {LoadGenerator.Connections} keep-alive connections over loopback; warm; measured in turn.";

    public static void Write(Comparison comparison, Figures figures)
    {
        var (authApi, stock, tickets) = (comparison.AuthApi, comparison.Stock, comparison.Tickets);
        Console.WriteLine($"""

            {Machine}
            Rates and CPU (the server's alone) are medians of the rounds.

            | | `GET /me/`, requests/s | CPU µs | `POST /logout/`, requests/s | CPU µs | logout, the session's first request, requests/s | CPU µs |
            |---|---:|---:|---:|---:|---:|---:|
            {string.Join(Environment.NewLine, comparison.All.Select(subject => Row(subject, figures)))}

            AuthApi's figure over the other's of the same round: median (least to most).

            {Goal.Header}
            {new Goal("`GET /me/`, requests/s, to the stateless cookie", 2.2).Row(figures.Me.Ratios(authApi, stock, Rate))}
            {new Goal("`GET /me/`, CPU, to the stateless cookie", 0.4, AtMost: true).Row(figures.Me.Ratios(authApi, stock, Cpu))}
            {new Goal("`GET /me/`, requests/s, to bare Kestrel", 0.7).Row(figures.Me.Ratios(authApi, comparison.Bare, Rate))}
            {new Goal("`POST /logout/`, requests/s, to the stateless cookie's, which writes nothing", 1).Row(figures.Logout.Ratios(authApi, stock, Rate))}
            {new Goal("`POST /logout/`, requests/s, to the one writer on bare Kestrel", 0.8).Row(figures.Logout.Ratios(authApi, comparison.BareGroup, Rate))}
            {WithoutGoal("`POST /logout/`, CPU, to the stateless cookie", figures.Logout.Ratios(authApi, stock, Cpu))}
            {WithoutGoal("logout as the first request, requests/s, to the stateless cookie", figures.FirstUse.Ratios(authApi, stock, Rate))}
            {WithoutGoal("`GET /me/`, requests/s, to the ticket store", figures.Me.Ratios(authApi, tickets, Rate))}
            {WithoutGoal("`POST /logout/`, requests/s, to the ticket store", figures.Logout.Ratios(authApi, tickets, Rate))}
            {WithoutGoal("logout as the first request, requests/s, to the ticket store", figures.FirstUse.Ratios(authApi, tickets, Rate))}

            - AuthApi as shipped: {Plan.MeSessions:N0} sessions take turns in `GET /me/`; every logout ends a session of its own, durably,
              before it is answered. The session was used just before, except in the last two columns: there it and its user are first
              read from the store.
            - AuthApi's CPU has in it what it does of each logout after the answer: the row, and the index of the audit trail.
            - The stateless cookie is logged out of over and over: its logout ends nothing and writes nothing.
            - The ticket store and the two bare tables are as durable: a write-ahead log, synced at each commit.

            Sent again to `GET /me/` at the end, after their logouts:
            {string.Join(Environment.NewLine, comparison.All.Select(Replay))}
            """);
    }

    private static string Row(Subject subject, Figures figures) =>
        $"| {subject.Title} | {Cells(figures.Me, subject)} | {Cells(figures.Logout, subject)} | {Cells(figures.FirstUse, subject)} |";

    private static string Cells(Rounds rounds, Subject subject) =>
        rounds.Has(subject) ? $"{rounds.Median(subject, Rate):N0} | {rounds.Median(subject, Cpu):N0}" : "– | –";

    private static string WithoutGoal(string name, List<double> ratios) => $"| {name} | | {ratios.Spread()} | |";

    private static string Replay(Subject subject)
    {
        var loggedOut = subject.LoggedOut;
        return subject.StatusAfterLogout == StatusCodes.Status200OK
            ? $"- {subject.Title}, logged out {loggedOut:N0} times: answered 200 when sent {subject.Replay(1)} more time."
            : $"- {subject.Title}, {subject.Replay(Plan.ReplayedTokens):N0} of {loggedOut:N0} ended sessions: each was answered 401.";
    }
}
