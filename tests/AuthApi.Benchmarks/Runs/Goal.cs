namespace AuthApi.Benchmarks.Runs;

/// <summary>A ratio that is to be reached, at least or at most.</summary>
internal sealed record Goal(string Name, double Limit, bool AtMost = false)
{
    public const string Header =
        """
        | | goal | reached | |
        |---|---:|---:|---|
        """;

    /// <summary>The goal as a row: what was reached in each round, and whether its median is enough.</summary>
    public string Row(IReadOnlyCollection<double> reached) =>
        $"| {Name} {Cells(reached)}";

    /// <summary>The row without the name.</summary>
    public string Cells(IReadOnlyCollection<double> reached) =>
        $"| {(AtMost ? "≤" : "≥")} {Limit:N2} | {reached.Spread()} | {(IsMet(reached.Median()) ? "met" : "not met")} |";

    private bool IsMet(double ratio) => AtMost ? ratio <= Limit : ratio >= Limit;
}
