using AuthApi.Benchmarks.Subjects;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// How long a published program takes from its start to the first answer to a session it has never seen, and what it holds in
/// memory when it is idle. AuthApi as it publishes itself; the stock application as the SDK does, and compiled ahead too.
/// </summary>
internal static class Start
{
    private const int Sessions = 1_000;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(5);

    public static async Task<int> RunAsync(int rounds)
    {
        using var data = new DataFolder();
        var source = PublishedProgram.CopySource(data.Add("source"));
        var authApi = await PublishAsync(source, "src/AuthApi/AuthApi.csproj", data.Add("authapi"));
        var stock = await PublishAsync(source, "tests/AuthApi.Benchmarks/AuthApi.Benchmarks.csproj", data.Add("stock"));
        var stockAhead = await PublishAsync(
            source, "tests/AuthApi.Benchmarks/AuthApi.Benchmarks.csproj", data.Add("stock-ahead"), "--use-current-runtime", "--no-self-contained", "-p:PublishReadyToRun=true");

        await Seeds.MakeAsync(data.Path, Sessions);
        var cookies = new Queue<string>(Seeds.Cookies(data.Path));
        var stockCookie = await GetStockCookieAsync(data.Path);

        string[] authApiArguments =
        [
            Path.Combine(authApi, "AuthApi.dll"),
            "--environment", "Development",
            "--ConnectionStrings:Auth", $"Data Source={DataFolder.AuthApiDatabase(data.Path)}",

            // As in production, and as the stock one has none.
            "--Swagger:Enabled", "false",
        ];
        var programs = new List<PublishedProgram>
        {
            new("AuthApi", authApiArguments, cookies.Dequeue),
            new("stock, `dotnet publish`", [Path.Combine(stock, "AuthApi.Benchmarks.dll"), "serve", "stock", data.Path], () => stockCookie),
            new("stock, with `PublishReadyToRun`", [Path.Combine(stockAhead, "AuthApi.Benchmarks.dll"), "serve", "stock", data.Path], () => stockCookie),
        };
        await MeasureAsync(programs, rounds);
        return 0;
    }

    private static async Task<string> PublishAsync(string source, string project, string output, params string[] more)
    {
        Progress.Say($"publishing {project} {string.Join(' ', more)}");
        await PublishedProgram.PublishAsync(Path.Combine(source, project), output, more);
        return output;
    }

    private static async Task<string> GetStockCookieAsync(string folder)
    {
        using var server = await ServerProcess.StartAsync("stock", folder);
        return await StockLogin.GetCookieAsync(server.Address);
    }

    private static async Task MeasureAsync(List<PublishedProgram> programs, int rounds)
    {
        // Once for nothing, so that the files of all are in the system's cache.
        var starts = new List<Dictionary<PublishedProgram, Started>>();
        for (var round = 0; round <= rounds; round++)
        {
            var started = new Dictionary<PublishedProgram, Started>();
            foreach (var program in Enumerable.Range(round, programs.Count).Select(index => programs[index % programs.Count]))
            {
                started.Add(program, await program.StartAsync(round == 0 ? TimeSpan.Zero : Idle));
            }

            if (round > 0)
            {
                starts.Add(started);
                Progress.Say($"round {round} of {rounds}: {string.Join(", ", programs.Select(program => $"{started[program].Milliseconds:N0} ms, {started[program].Resident / 1e6:N0} MB"))}");
            }
        }

        Write(programs, starts);
    }

    private static void Write(List<PublishedProgram> programs, List<Dictionary<PublishedProgram, Started>> starts)
    {
        var (authApi, stock, stockAhead) = (programs[0], programs[1], programs[2]);
        Console.WriteLine($"""

            {starts.Count} starts of each, in turn, over a database that is there; medians. Memory {Idle.TotalSeconds:N0} s after the first answer.

            | | start to the first 200 of `GET /me/`, ms | resident memory, MB | its proportional share, MB | private, MB |
            |---|---:|---:|---:|---:|
            {string.Join(Environment.NewLine, programs.Select(program =>
                $"| {program.Name} | {Median(program, start => start.Milliseconds):N0} | {Median(program, start => start.Resident) / 1e6:N0} "
                + $"| {Median(program, start => start.Proportional) / 1e6:N0} | {Median(program, start => start.Private) / 1e6:N0} |"))}

            {Goal.Header}
            {Row("start", 1.2, stock, start => start.Milliseconds)}
            {Row("start", 1.2, stockAhead, start => start.Milliseconds)}
            {Row("idle resident memory", 1, stock, start => start.Resident)}
            {Row("idle resident memory", 1, stockAhead, start => start.Resident)}
            {Row("idle private memory", 1, stock, start => start.Private)}
            {Row("idle private memory", 1, stockAhead, start => start.Private)}
            """);

        double Median(PublishedProgram program, Func<Started, double> figure) => starts.Select(started => figure(started[program])).Median();

        string Row(string what, double goal, PublishedProgram other, Func<Started, double> figure) =>
            new Goal($"{what}, to {other.Name}", goal, AtMost: true).Row(starts.ConvertAll(started => figure(started[authApi]) / figure(started[other])));
    }
}
