using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using AuthApi.Sessions;

namespace AuthApi.Tests.Harness;

/// <summary>The published program as a process of its own, as an operator runs it; for what only a process can do: not start, restart, be killed.</summary>
internal sealed partial class RunningProgram : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // All requests of a test come from one address.
    private static readonly string[] Usual = ["--urls", "http://127.0.0.1:0", "--RateLimiting:Enabled=false"];

    private static readonly Launch AsUsual = new();

    private readonly Process _process;
    private readonly List<string> _output;
    private Task<string> _error = Task.FromResult("");

    private RunningProgram(Process process, List<string> output, Uri address)
    {
        _process = process;
        _output = output;
        Address = address;
    }

    /// <summary>Where it listens, the first address if there are several.</summary>
    public Uri Address { get; }

    /// <summary>The id of the process.</summary>
    public int Id => _process.Id;

    /// <summary>What it has said on standard output so far.</summary>
    public IReadOnlyList<string> Output
    {
        get
        {
            lock (_output)
            {
                return [.. _output];
            }
        }
    }

    /// <summary>How many files and connections the process has open now. On Linux.</summary>
    public int Handles => Directory.GetFileSystemEntries($"/proc/{_process.Id}/fd").Length;

    /// <summary>How many threads the process has now. On Linux.</summary>
    public int Threads => Directory.GetDirectories($"/proc/{_process.Id}/task").Length;

    /// <summary>The memory that the process has in use now, in bytes.</summary>
    public long ResidentMemory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>The maximum of memory that the process has had in use so far, in bytes.</summary>
    public long PeakResidentMemory
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64;
        }
    }

    /// <summary>The names of the files that the process has mapped by now, libraries and assemblies among them. On Linux.</summary>
    public IReadOnlyCollection<string> MappedFiles =>
        [.. File.ReadLines($"/proc/{_process.Id}/maps").Select(line => line[(line.LastIndexOf('/') + 1)..]).Distinct(StringComparer.Ordinal)];

    /// <summary>Starts the program in <paramref name="folder"/> and returns when it listens.</summary>
    public static Task<RunningProgram> StartAsync(string folder, params string[] arguments) => StartAsync(folder, AsUsual, arguments);

    /// <inheritdoc cref="StartAsync(string, string[])"/>
    public static Task<RunningProgram> StartAsync(string folder, Launch launch, params string[] arguments) => StartAsync(folder, launch, arguments, isRead: true);

    /// <summary>Starts the program and kills it after this time, wherever it is then.</summary>
    public static async Task RunAndKillAsync(string folder, TimeSpan time, params string[] arguments)
    {
        using var process = await LaunchAsync(folder, AsUsual, [.. Usual, .. arguments]);
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        await Task.Delay(time);
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>The time for which the process has used a processor so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Starts the program and reads its standard output no further than to the line that says where it listens.</summary>
    public static Task<RunningProgram> StartUnreadAsync(string folder, params string[] arguments) => StartAsync(folder, AsUsual, arguments, isRead: false);

    private static async Task<RunningProgram> StartAsync(string folder, Launch launch, string[] arguments, bool isRead)
    {
        var process = await LaunchAsync(folder, launch, [.. Usual, .. arguments]);
        var output = new List<string>();
        var address = await ReadToAsync(process, output, Listening()) is { } line
            ? new Uri(Listening().Match(line).Groups[1].Value)
            : throw new InvalidOperationException("The program did not start: " + await process.StandardError.ReadToEndAsync());
        var running = new RunningProgram(process, output, address);
        running._error = isRead ? process.StandardError.ReadToEndAsync() : Task.FromResult("");
        running.Ended = isRead ? running.ReadOnAsync() : running.WaitForEndAsync();
        return running;
    }

    /// <summary>Starts the program where it is expected to end by itself.</summary>
    /// <returns>Its exit code and what it said on standard error.</returns>
    public static Task<(int ExitCode, string Error)> RunToEndAsync(string folder, params string[] arguments) => RunToEndAsync(folder, AsUsual, arguments);

    /// <inheritdoc cref="RunToEndAsync(string, string[])"/>
    public static async Task<(int ExitCode, string Error)> RunToEndAsync(string folder, Launch launch, params string[] arguments)
    {
        var (exitCode, _, error) = await RunWithInputAsync(folder, launch, "", [.. Usual, .. arguments]);
        return (exitCode, error);
    }

    /// <summary>Starts the program with these arguments and no others, where it is expected to end by itself.</summary>
    public static Task<(int ExitCode, string Output, string Error)> RunAloneAsync(string folder, params string[] arguments) => RunWithInputAsync(folder, "", arguments);

    /// <summary>The same with this text on its standard input.</summary>
    public static Task<(int ExitCode, string Output, string Error)> RunWithInputAsync(string folder, string input, params string[] arguments) =>
        RunWithInputAsync(folder, AsUsual, input, arguments);

    private static async Task<(int ExitCode, string Output, string Error)> RunWithInputAsync(string folder, Launch launch, string input, string[] arguments)
    {
        using var process = await LaunchAsync(folder, launch, arguments, withInput: true);
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            var error = await process.StandardError.ReadToEndAsync(timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, await output, error);
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>Starts the program and sends it a signal as soon as a file exists.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAndSignalAsync(string folder, string signal, string file)
    {
        using var process = await LaunchAsync(folder, AsUsual, Usual);
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            var (output, error) = (process.StandardOutput.ReadToEndAsync(timeout.Token), process.StandardError.ReadToEndAsync(timeout.Token));
            while (!File.Exists(file))
            {
                timeout.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }

            using var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)]);
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            process.Kill();
        }
    }

    public Browser NewBrowser(SessionTransport transport = SessionTransport.Cookie) =>
        new(new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = Address }, transport);

    /// <summary>Completes, when the process has ended, with all the lines it said on standard output and its exit code.</summary>
    public Task<(int ExitCode, IReadOnlyList<string> Output)> Ended { get; private set; } = null!;

    /// <summary>Asks the process to end, as <c>kill -TERM</c> and an orchestrator do.</summary>
    public Task TerminateAsync() => SignalAsync("TERM");

    /// <summary>Sends a signal to the process.</summary>
    public async Task SignalAsync(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Starts to read standard output where <see cref="StartUnreadAsync"/> left off.</summary>
    /// <returns>The next line on standard error.</returns>
    public async Task<string?> ReadOnToErrorAsync()
    {
        _ = ReadOnAsync();
        return await _process.StandardError.ReadLineAsync();
    }

    /// <summary>Ends the process at once, as <c>kill -9</c> does: nothing is flushed and no client is notified.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        await Ended;
        await TestContext.Out.WriteAsync(await _error);
        await TestContext.Out.WriteLineAsync(string.Join(Environment.NewLine, _output.SkipWhile(line => !IsFailure(line)).Take(50)));
        _process.Dispose();
    }

    private async Task<(int ExitCode, IReadOnlyList<string> Output)> ReadOnAsync()
    {
        // Or a full pipe would stop the program.
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            lock (_output)
            {
                _output.Add(line);
            }
        }

        await _process.WaitForExitAsync();
        return (_process.ExitCode, _output);
    }

    private async Task<(int ExitCode, IReadOnlyList<string> Output)> WaitForEndAsync()
    {
        await _process.WaitForExitAsync();
        return (_process.ExitCode, _output);
    }

    private static bool IsFailure(string line) => line.StartsWith("fail", StringComparison.Ordinal) || line.StartsWith("crit", StringComparison.Ordinal);

    private static async Task<string?> ReadToAsync(Process process, List<string> output, Regex wanted)
    {
        using var timeout = new CancellationTokenSource(Patience);
        while (await process.StandardOutput.ReadLineAsync(timeout.Token) is { } line)
        {
            output.Add(line);
            if (wanted.IsMatch(line))
            {
                return line;
            }
        }

        return null;
    }

    private static async Task<Process> LaunchAsync(string folder, Launch launch, string[] arguments, bool withInput = false)
    {
        string[] command = [.. launch.By ?? [], "dotnet", launch.Copy is null ? await PublishedProgram.FileAsync() : Path.Combine(launch.Copy, "AuthApi.dll"), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = withInput,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";

        // As in this project: it pays in a process that lives longer than a test.
        start.Environment["DOTNET_TieredPGO"] = "0";
        foreach (var (name, value) in launch.Environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    // As a line of text, or in one of JSON; several addresses have commas between them.
    [GeneratedRegex(@"Now listening on: ([^\s,""]+)")]
    private static partial Regex Listening();
}
