using System.Globalization;
using System.Runtime.InteropServices;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>Writes what was measured, as Markdown on standard output: a table for each workload.</summary>
internal static class Report
{
    private static readonly Column[] Columns =
    [
        new("requests/s", load => load.RequestsPerSecond, "N0"),
        new("p50, ms", load => load.Latencies.P50, "N2"),
        new("p99, ms", load => load.Latencies.P99, "N2"),
        new("max, ms", load => load.Latencies.Max, "N1"),
        new("CPU, µs", load => load.CpuMicroseconds, "N0"),
    ];

    private static readonly Column[] Burst =
    [
        new("200", load => load.Served, "N0"),
        new("refused", load => load.Refused, "N0"),
        new("all answered after, s", load => load.Elapsed.TotalSeconds, "N2"),
    ];

    private static readonly Column BusyAfter = new("busy after, ms", load => load.BusyAfter.TotalMilliseconds, "N0");

    /// <summary>Writes what holds for all the tables.</summary>
    public static void WriteHeader(RunOptions options) => Console.WriteLine($"""
        AuthApi: {options.AuthApi}{(options.Against is null ? "" : $"; the other build: {options.Against}")}.
        {Environment.ProcessorCount} cores, load generator and server together; {RuntimeInformation.FrameworkDescription}; keep-alive connections over loopback; all warm.
        Each round measures every subject once. Figures are medians of the rounds; in parentheses the highest of all rounds. Ratios are taken within
        a round: median (minimum to maximum). CPU is the server's, a request, with all that it does after its last response; "busy after" is how long that takes. Not in it are last uses
        of sessions that are used over and over: a row for each of them, once a minute.
        """);

    /// <summary>Writes a workload's table, with AuthApi's ratios to all others.</summary>
    /// <param name="title">The workload.</param>
    /// <param name="rounds">What was measured.</param>
    /// <param name="authApi">The subject whose ratios are written.</param>
    /// <param name="notes">More about each subject, a line each.</param>
    public static void Write(string title, Rounds rounds, Subject authApi, Func<Subject, string>? notes = null) => Write(title, rounds, authApi, Columns, notes);

    /// <summary>Writes the table of requests at the same moment, some of which may be refused: a rate is that of the others, a latency that of all.</summary>
    public static void WriteBurst(string title, Rounds rounds, Subject authApi) => Write(title, rounds, authApi, [.. Burst, .. Columns], notes: null);

    private static void Write(string title, Rounds rounds, Subject authApi, Column[] columns, Func<Subject, string>? notes)
    {
        if (rounds.Subjects.SelectMany(rounds.Of).Any(load => load.BusyAfter > TimeSpan.Zero))
        {
            columns = [.. columns, BusyAfter];
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

            **{title}**, {rounds.Count} rounds

            | | {string.Join(" | ", columns.Select(column => column.Name))} |
            |---|{string.Concat(columns.Select(_ => "---:|"))}
            {string.Join(Environment.NewLine, rounds.Subjects.Select(subject => Row(rounds, subject, columns)))}
            {string.Join(Environment.NewLine, rounds.Subjects.Where(subject => subject != authApi).Select(other => Ratios(rounds, authApi, other, columns)))}
            """));
        if (notes is not null)
        {
            Console.WriteLine($"\n{string.Join(Environment.NewLine, rounds.Subjects.Select(subject => $"- {notes(subject)}"))}");
        }
    }

    private static string Row(Rounds rounds, Subject subject, Column[] columns) =>
        $"| {subject.Title} | {string.Join(" | ", columns.Select(column => Cell(column, [.. rounds.Of(subject).Select(column.Figure)])))} |";

    private static string Cell(Column column, List<double> figures)
    {
        var median = figures.Median().ToString(column.Format, CultureInfo.InvariantCulture);
        return column.Name.StartsWith("max", StringComparison.Ordinal) ? $"{median} ({figures.Max().ToString(column.Format, CultureInfo.InvariantCulture)})" : median;
    }

    private static string Ratios(Rounds rounds, Subject authApi, Subject other, Column[] columns) =>
        $"| *AuthApi / {other.Title}* | {string.Join(" | ", columns.Select(column => column == BusyAfter || Burst.Contains(column) ? "" : rounds.Ratios(authApi, other, column.Figure).Spread()))} |";

    private sealed record Column(string Name, Func<Load, double> Figure, string Format);
}
