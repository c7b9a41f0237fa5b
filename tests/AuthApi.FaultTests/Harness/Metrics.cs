using System.Globalization;

namespace AuthApi.FaultTests.Harness;

/// <summary>The figures that a program serves at <c>/metrics</c>.</summary>
internal static class Metrics
{
    /// <summary>Reads the sum of those whose line begins like this; zero where there is none.</summary>
    public static async Task<double> ReadAsync(Uri address, string name)
    {
        using var client = new HttpClient { BaseAddress = address };
        var lines = (await client.GetStringAsync("/metrics")).Split('\n');
        return lines.Where(line => line.StartsWith(name, StringComparison.Ordinal)).Sum(line => double.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture));
    }
}
