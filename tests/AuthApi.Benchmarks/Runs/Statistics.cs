namespace AuthApi.Benchmarks.Runs;

internal static class Statistics
{
    public static double Median(this IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    /// <summary>The median, and the least to the most.</summary>
    public static string Spread(this IReadOnlyCollection<double> values) => $"**{values.Median():N2}** ({values.Min():N2} to {values.Max():N2})";
}
