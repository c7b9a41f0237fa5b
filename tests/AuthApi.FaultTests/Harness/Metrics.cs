using System.Diagnostics;
using System.Globalization;

namespace AuthApi.FaultTests.Harness;

/// <summary>The figures that a program serves at <c>/metrics</c>.</summary>
internal static class Metrics
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Reads the sum of those whose line begins like this, counted after this call began; zero where there is none.</summary>
    public static async Task<double> ReadAsync(Uri address, string name)
    {
        using var client = new HttpClient { BaseAddress = address };
        using var patience = new CancellationTokenSource(Patience);

        // The exporter answers with the same page for 300 ms. The next one is another: it counts the request for this one.
        var first = await client.GetStringAsync("/metrics", patience.Token);
        var page = first;
        while (page == first)
        {
            await Task.Delay(Pause, patience.Token);
            page = await client.GetStringAsync("/metrics", patience.Token);
        }

        return page.Split('\n').Where(line => line.StartsWith(name, StringComparison.Ordinal)).Sum(line => double.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture));
    }

    /// <summary>Waits until the sum of those whose line begins like this is as expected.</summary>
    public static async Task WaitAsync(Uri address, string name, Func<double, bool> expected)
    {
        var began = Stopwatch.GetTimestamp();
        double sum;
        while (!expected(sum = await ReadAsync(address, name)))
        {
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(Patience), $"{name} stayed at {sum}");
        }
    }
}
