using System.Diagnostics;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// How long a published program takes from its start to the first 200 of a session it has not seen, and its memory when it is
/// idle. AuthApi as it publishes itself; the stock application as the SDK publishes it, and compiled ahead of time too.
/// </summary>
internal static class StartRun
{
    private const int Sessions = 1_000;
    private const string Stock = "tests/AuthApi.Benchmarks/AuthApi.Benchmarks.csproj";
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(RunOptions options)
    {
        var rounds = options.Rounds ?? options.Choose(full: 10, quick: 2);
        using var data = new DataFolder();
        var source = PublishedProgram.CopySource(data.Add("source"));
        var authApi = options.AuthApi == RunOptions.BuiltAuthApi
            ? Path.Combine(await PublishAsync(source, "src/AuthApi/AuthApi.csproj", data.Add("authapi")), "AuthApi.dll")
            : options.AuthApi;
        var programs = new List<Program> { await CreateAuthApiAsync("AuthApi", authApi, data.Add("data")) };
        if (options.Against is not null)
        {
            programs.Add(await CreateAuthApiAsync("AuthApi, the other build", options.Against, data.Add("other-data")));
        }

        var folder = data.Add("stock-data");
        await ThisProgram.RunAsync("seed", "stock", folder, $"{Sessions}");
        programs.Add(CreateStock("stock, `dotnet publish`", await PublishAsync(source, Stock, data.Add("stock")), folder));
        programs.Add(CreateStock(
            "stock, with `PublishReadyToRun`",
            await PublishAsync(source, Stock, data.Add("stock-ahead"), "--use-current-runtime", "--no-self-contained", "-p:PublishReadyToRun=true"),
            folder));
        Write(programs, await MeasureAsync(programs, rounds));
    }

    private static async Task<string> PublishAsync(string source, string project, string output, params string[] more)
    {
        Progress.Write($"publishing {project} {string.Join(' ', more)}");
        await PublishedProgram.PublishAsync(Path.Combine(source, project), output, more);
        return output;
    }

    private static async Task<Program> CreateAuthApiAsync(string title, string program, string folder)
    {
        await ThisProgram.RunAsync("seed", folder, $"{Sessions}", program);
        var cookies = new Queue<string>(DataFolder.ReadTokens(folder).Select(HttpRequests.SessionCookieOf));

        // Without Swagger, as in production, and as the stock one has none.
        return new Program(title, [.. ServerArguments.ForAuthApi(program, folder), "--Swagger:Enabled", "false"], cookies);
    }

    private static Program CreateStock(string title, string published, string folder) => new(
        title, [Path.Combine(published, "AuthApi.Benchmarks.dll"), "serve", "stock", folder], new Queue<string>(File.ReadLines(DataFolder.Cookies(folder))));

    private static async Task<List<Dictionary<Program, Started>>> MeasureAsync(List<Program> programs, int rounds)
    {
        // Once uncounted, so that the files of all are in the system's cache.
        var starts = new List<Dictionary<Program, Started>>();
        for (var round = 0; round <= rounds; round++)
        {
            var started = new Dictionary<Program, Started>();
            foreach (var program in Enumerable.Range(round, programs.Count).Select(index => programs[index % programs.Count]))
            {
                started.Add(program, await StartAsync(program));
            }

            if (round > 0)
            {
                starts.Add(started);
                Progress.Write($"round {round} of {rounds}: {string.Join(", ", programs.Select(program => $"{started[program].Milliseconds:N0} ms, {started[program].Memory.Resident / 1e6:N0} MB"))}");
            }
        }

        return starts;
    }

    private static async Task<Started> StartAsync(Program program)
    {
        var startedAt = Stopwatch.GetTimestamp();
        using var server = await ServerProcess.StartAsync(
            program.Arguments, endPoint => HttpRequests.Me(endPoint, program.Cookies.Dequeue()), StatusCodes.Status200OK);
        var milliseconds = Stopwatch.GetElapsedTime(startedAt).TotalMilliseconds;
        await Task.Delay(Idle);
        return new Started(milliseconds, ProcessMemory.Read(server.Process));
    }

    private static void Write(List<Program> programs, List<Dictionary<Program, Started>> starts)
    {
        Console.WriteLine($"""

            **Start and idle memory**, {starts.Count} starts of each, over a database that exists. Medians; the highest in parentheses. Memory {Idle.TotalSeconds:N0} s after the first response.

            | | start to the first 200 of `GET /me/`, ms | resident memory, MB | its proportional share, MB | private, MB |
            |---|---:|---:|---:|---:|
            {string.Join(Environment.NewLine, programs.Select(program =>
                $"| {program.Title} | {Median(program, start => start.Milliseconds):N0} ({starts.Max(started => started[program].Milliseconds):N0}) | {Median(program, start => start.Memory.Resident) / 1e6:N0} "
                + $"| {Median(program, start => start.Memory.Proportional) / 1e6:N0} | {Median(program, start => start.Memory.Private) / 1e6:N0} |"))}
            {string.Join(Environment.NewLine, programs[1..].Select(other =>
                $"| *AuthApi / {other.Title}* | {Ratios(other, start => start.Milliseconds)} | {Ratios(other, start => start.Memory.Resident)} "
                + $"| {Ratios(other, start => start.Memory.Proportional)} | {Ratios(other, start => start.Memory.Private)} |"))}
            """);

        double Median(Program program, Func<Started, double> figure) => starts.Select(started => figure(started[program])).Median();

        string Ratios(Program other, Func<Started, double> figure) => starts.ConvertAll(started => figure(started[programs[0]]) / figure(started[other])).Spread();
    }

    private sealed record Program(string Title, string[] Arguments, Queue<string> Cookies);

    private sealed record Started(double Milliseconds, ProcessMemory Memory);
}
