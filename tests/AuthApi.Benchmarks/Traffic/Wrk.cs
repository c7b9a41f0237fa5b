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
    private const string Result =
        """
        local threads = {}
        setup = function(thread) threads[1] = thread end
        done = function(summary, latency, requests)
            local errors = summary.errors
            io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, threads[1]:get("took") or summary.duration,
                latency:percentile(50), latency:percentile(99), latency.max,
                errors.connect + errors.read + errors.write + errors.status + errors.timeout))
        end
        """;

    // Each request of a file once. When there are no more, one is still to be returned: its response is not waited for. wrk itself sleeps until
    // its time is over, so the time is taken here.
    private const string Once =
        """
        local ffi = require("ffi")
        ffi.cdef("typedef struct { long seconds, microseconds; } timeval; int gettimeofday(timeval *, void *);")
        local time = ffi.new("timeval")
        local function now()
            ffi.C.gettimeofday(time, nil)
            return tonumber(time.seconds) * 1e6 + tonumber(time.microseconds)
        end
        local requests = {}
        for request in io.open("wrk.requests", "rb"):read("*a"):gmatch("%Z+") do requests[#requests + 1] = request end
        local sent, began = 0, 0
        request = function()
            sent = sent + 1
            if sent == 1 then began = now() end
            if sent > #requests then
                took = took or now() - began
                wrk.thread:stop()
                return requests[1]
            end
            return requests[sent]
        end
        """;

    // Long enough for all requests, or wrk would be stopped before.
    private static readonly TimeSpan MaxOnce = TimeSpan.FromSeconds(8);

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
    public static Task<WrkResult> GetMeAsync(IPEndPoint server, string cookie, int connections, TimeSpan duration, string folder) => RunAsync(
        Result, ["-H", $"User-Agent: {HttpRequests.UserAgent}", "-H", "Accept: application/json", "-H", $"Cookie: {cookie}", $"http://{server}/me/"], connections, duration, folder);

    /// <summary>Sends every request once, in order.</summary>
    /// <param name="server">The server.</param>
    /// <param name="requests">The requests, without a byte of zero.</param>
    /// <param name="connections">How many keep-alive connections, all of one thread.</param>
    /// <param name="folder">Where its script is written.</param>
    /// <exception cref="InvalidDataException">wrk failed, or a response was not 2xx or 3xx.</exception>
    public static async Task<WrkResult> SendOnceAsync(IPEndPoint server, IReadOnlyList<byte[]> requests, int connections, string folder)
    {
        await using (var file = File.Create(Path.Combine(folder, "wrk.requests")))
        {
            foreach (var request in requests)
            {
                file.Write(request);
                file.WriteByte(0);
            }
        }

        return await RunAsync($"{Once}\n{Result}", [$"http://{server}/"], connections, MaxOnce, folder);
    }

    private static async Task<WrkResult> RunAsync(string script, IEnumerable<string> target, int connections, TimeSpan duration, string folder)
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "wrk.lua"), script);
        var info = new ProcessStartInfo("wrk", ["-t1", $"-c{connections}", $"-d{duration.TotalSeconds:0}s", "-s", "wrk.lua", .. target])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = folder,
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
