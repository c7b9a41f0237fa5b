namespace AuthApi.Tests.Harness;

/// <summary>
/// The program's own entry point, run in this process where it is expected to end by itself: as <see cref="RunningProgram.RunAloneAsync"/>,
/// without the second that a process takes to start.
/// </summary>
internal static class ProgramInProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs it to its end in Development, over a database in <paramref name="folder"/>, listening on a free port of 127.0.0.1, unless <paramref name="arguments"/> say otherwise.</summary>
    /// <returns>Its exit code and what it wrote on standard output and standard error.</returns>
    public static async Task<(int ExitCode, string Output, string Error)> RunToEndAsync(string folder, params string[] arguments)
    {
        // The later argument wins. The application's name is the entry assembly's, which is not the program's here.
        string[] all =
        [
            "--applicationName=AuthApi",
            "--environment=Development",
            $"--ConnectionStrings:Auth=Data Source={Path.Combine(folder, "data", "auth.db")}",
            "--urls=http://127.0.0.1:0",

            // Who fails early leaves its watchers of files behind, of which a Linux user may have 128.
            "--hostBuilder:reloadConfigOnChange=false",
            .. arguments,
        ];
        return await RunAloneAsync(all);
    }

    /// <summary>Runs it with these arguments and no others.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAloneAsync(params string[] arguments)
    {
        var capture = new CapturedConsole();
        var exitCode = await Task.Run(() => capture.Run(() => (int)typeof(Program).Assembly.EntryPoint!.Invoke(null, [arguments])!)).WaitAsync(Patience);
        return (exitCode, capture.Output, capture.Error);
    }
}
