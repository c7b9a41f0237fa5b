using System.Diagnostics;
using System.Reflection;
using AuthApi.Sessions;
using AuthApi.Tests.House;

namespace AuthApi.Tests.Harness;

/// <summary>The program as a process of its own, as an operator runs it; for what only a process can do: not start, restart, be killed.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly string Built = typeof(Program).Assembly.Location;

    private readonly Process _process;

    private RunningProgram(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    public Uri Address { get; }

    /// <summary>The memory that the process has in use now, in bytes.</summary>
    public long ResidentMemory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Publishes what was built, as <c>dotnet publish</c> does, into <paramref name="folder"/>.</summary>
    public static Task PublishAsync(string folder)
    {
        var configuration = typeof(Program).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        var project = Path.Combine(Repository.Root, "src", "AuthApi");
        return Tool.RunAsync(project, "dotnet", "publish", "--no-build", "--configuration", configuration, "--output", folder);
    }

    /// <summary>Starts the program in <paramref name="folder"/> and returns when it listens.</summary>
    public static Task<RunningProgram> StartAsync(string folder, params string[] arguments) =>
        StartAsync(Built, folder, arguments);

    /// <summary>Starts the program that <see cref="PublishAsync"/> has put into <paramref name="published"/>.</summary>
    public static Task<RunningProgram> StartPublishedAsync(string published, string folder) =>
        StartAsync(Path.Combine(published, Path.GetFileName(Built)), folder, []);

    private static async Task<RunningProgram> StartAsync(string program, string folder, string[] arguments)
    {
        const string listening = "Now listening on: ";
        var process = Launch(program, folder, arguments);
        using var timeout = new CancellationTokenSource(Patience);
        while (await process.StandardOutput.ReadLineAsync(timeout.Token) is { } line)
        {
            if (line.IndexOf(listening, StringComparison.Ordinal) is >= 0 and var index)
            {
                // Read on, or a full pipe would stop the program.
                _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
                return new RunningProgram(process, new Uri(line[(index + listening.Length)..]));
            }
        }

        throw new InvalidOperationException("The program did not start: " + await process.StandardError.ReadToEndAsync(timeout.Token));
    }

    /// <summary>Starts the program where it is expected to end by itself.</summary>
    /// <returns>Its exit code and what it said on standard error.</returns>
    public static async Task<(int ExitCode, string Error)> RunToEndAsync(string folder, params string[] arguments)
    {
        using var process = Launch(Built, folder, arguments);
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            var error = await process.StandardError.ReadToEndAsync(timeout.Token);
            await output;
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, error);
        }
        finally
        {
            process.Kill();
        }
    }

    public Browser NewBrowser(SessionTransport transport = SessionTransport.Cookie) =>
        new(new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = Address }, transport);

    /// <summary>Ends the process at once, as <c>kill -9</c> does: nothing is flushed and nobody is told.</summary>
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

        _process.Dispose();
    }

    private static Process Launch(string program, string folder, string[] arguments)
    {
        // All requests of a test come from one address.
        string[] usual = ["--urls", "http://127.0.0.1:0", "--RateLimiting:Enabled=false"];
        var start = new ProcessStartInfo("dotnet", [program, .. usual, .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";
        var process = Process.Start(start)!;
        return process;
    }
}
