using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>The memory of live sessions: the process after one session was used for a while, and after each session was used.</summary>
internal static class MemoryRun
{
    public static async Task RunAsync(RunOptions options)
    {
        var sessions = options.Number ?? options.Choose(full: 100_000, quick: 20_000);
        using var factory = new SubjectFactory(options.AuthApi, options.Against);
        foreach (var subject in await factory.StartAuthApiAsync(sessions + 1))
        {
            // What the program itself needs to serve, and the garbage that comes with it.
            subject.ReserveSessionsForMe(1);
            subject.GetMe(TimeSpan.FromSeconds(5), Workload.Connections);
            var before = subject.Server.ResidentMemory;
            subject.GetMeFirst(sessions, Workload.Connections);
            var after = subject.Server.ResidentMemory;
            Console.WriteLine(FormattableString.Invariant(
                $"{subject.Title}, {sessions:N0} live sessions, each used once: {before / 1e6:N0} MB before, {after / 1e6:N0} MB after, {(after - before) / 1e6:N0} MB more."));
        }
    }
}
