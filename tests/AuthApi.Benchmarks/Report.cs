using System.Runtime.InteropServices;

namespace AuthApi.Benchmarks;

/// <summary>One measurement of each, one right after the other.</summary>
internal sealed record Round(Load AuthApi, Load Stock);

internal sealed record Endpoint(string Name, List<Round> Rounds);

/// <summary>The comparison as Markdown.</summary>
internal static class Report
{
    public static void Write(IEnumerable<Endpoint> endpoints, string replay)
    {
        Console.WriteLine($"""

            {Environment.ProcessorCount} cores, client and server together; {RuntimeInformation.FrameworkDescription};
            {LoadGenerator.Connections} keep-alive connections over loopback; warm; measured in turn.
            Rates and CPU (the server's alone) are medians. A ratio is AuthApi's round over the stock round right after it:
            median (least to most).

            | | AuthApi, requests/s | stock, requests/s | ratio | AuthApi, CPU µs a request | stock, CPU µs a request | ratio |
            |---|---:|---:|---:|---:|---:|---:|
            """);
        foreach (var endpoint in endpoints)
        {
            Console.WriteLine(Row(endpoint));
        }

        Console.WriteLine($"""

            - AuthApi as shipped: {Plan.MeSessions:N0} sessions take turns in `GET /me/`; every logout ends a session of its own, durably,
              before it is answered. The session was used once just before, except in the last row: there it and its user are
              first read from the store.
            - Stock: the cookie of ASP.NET Core Identity. Its logout ends nothing and writes nothing, so one login's cookie serves
              for all its rows.

            {replay}
            """);
    }

    private static string Row(Endpoint endpoint) =>
        $"| {endpoint.Name} "
        + $"| {Median(endpoint, round => round.AuthApi.RequestsPerSecond):N0} "
        + $"| {Median(endpoint, round => round.Stock.RequestsPerSecond):N0} "
        + $"| {Ratio(endpoint, load => load.RequestsPerSecond)} "
        + $"| {Median(endpoint, round => round.AuthApi.CpuMicroseconds):N0} "
        + $"| {Median(endpoint, round => round.Stock.CpuMicroseconds):N0} "
        + $"| {Ratio(endpoint, load => load.CpuMicroseconds)} |";

    private static string Ratio(Endpoint endpoint, Func<Load, double> figure)
    {
        var ratios = endpoint.Rounds.ConvertAll(round => figure(round.AuthApi) / figure(round.Stock));
        return $"**{Median(ratios):N2}** ({ratios.Min():N2} to {ratios.Max():N2})";
    }

    private static double Median(Endpoint endpoint, Func<Round, double> figure) => Median(endpoint.Rounds.Select(figure));

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
