using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>What wrk reports. Times in milliseconds.</summary>
internal sealed record WrkResult(double RequestsPerSecond, double P50, double P99, double Max);

/// <summary>The load generator wrk (https://github.com/wg/wrk), where it is installed.</summary>
internal static class Wrk
{
    // Microseconds, and counts of what went wrong, in place of wrk's text for people.
    private const string Script =
        """
        done = function(summary, latency, requests)
            local errors = summary.errors
            io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration,
                latency:percentile(50), latency:percentile(99), latency.max,
                errors.connect + errors.read + errors.write + errors.status + errors.timeout))
        end
        """;

    /// <summary>Whether there is a wrk to be run.</summary>
    public static bool IsInstalled =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "wrk")));

    /// <summary>Sends <c>GET /me/</c> for so long.</summary>
    /// <param name="server">The server.</param>
    /// <param name="cookie">A session's cookie.</param>
    /// <param name="connections">How many keep-alive connections, all of one thread.</param>
    /// <param name="duration">Whole seconds.</param>
    /// <param name="folder">Where its script is written.</param>
    /// <exception cref="InvalidDataException">wrk failed, or a response was not 2xx or 3xx.</exception>
    public static async Task<WrkResult> GetMeAsync(IPEndPoint server, string cookie, int connections, TimeSpan duration, string folder)
    {
        var script = Path.Combine(folder, "wrk.lua");
        await File.WriteAllTextAsync(script, Script);
        var info = new ProcessStartInfo(
            "wrk",
            [
                "-t1", $"-c{connections}", $"-d{duration.TotalSeconds:0}s", "-s", script,
                "-H", $"User-Agent: {HttpRequests.UserAgent}", "-H", "Accept: application/json", "-H", $"Cookie: {cookie}",
                $"http://{server}/me/",
            ])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(info)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        var result = output.Split('\n').SingleOrDefault(line => line.StartsWith("RESULT ", StringComparison.Ordinal));
        return result?.Split(' ')[1..].Select(number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray() is [var requests, var microseconds, var p50, var p99, var max, 0]
            ? new WrkResult(requests / microseconds * 1e6, p50 / 1e3, p99 / 1e3, max / 1e3)
            : throw new InvalidDataException($"wrk failed:\n{output}");
    }
}
