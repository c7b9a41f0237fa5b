namespace AuthApi.Benchmarks.Runs;

internal static class Statistics
{
    /// <summary>Returns the middle value, or the mean of the two in the middle.</summary>
    public static double Median(this IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    /// <summary>Formats the median, and the range from the minimum to the maximum.</summary>
    public static string Spread(this IReadOnlyCollection<double> values) => $"{values.Median():N2} ({values.Min():N2} to {values.Max():N2})";
}
