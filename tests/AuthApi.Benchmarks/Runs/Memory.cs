using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>What live sessions cost in memory: the process when nobody has used it much, and after each session was used.</summary>
internal static class Memory
{
    public static async Task<int> RunAsync(int sessions)
    {
        using var data = new DataFolder();
        await Seeds.MakeAsync(data.Path, sessions);
        using var server = await ServerProcess.StartAsync("authapi", data.Path);
        var load = new LoadGenerator(server);
        var requests = Seeds.Cookies(data.Path).ConvertAll(cookie => HttpRequests.Me(server.EndPoint, cookie));

        // One session for a while: what the program itself needs to serve, and the garbage that comes with it.
        load.SendFor(TimeSpan.FromSeconds(5), [requests[0]], StatusCodes.Status200OK);
        var idle = server.ResidentMemory;
        load.SendOnce(requests, StatusCodes.Status200OK);
        var used = server.ResidentMemory;

        Console.WriteLine(FormattableString.Invariant(
            $"{sessions:N0} live sessions, each used once: {Megabytes(idle):N0} MB before, {Megabytes(used):N0} MB after, {Megabytes(used - idle):N0} MB more."));
        return 0;
    }

    private static double Megabytes(long bytes) => bytes / 1e6;
}
