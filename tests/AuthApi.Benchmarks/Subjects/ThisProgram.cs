using System.Diagnostics;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>This program, started again with one of its commands.</summary>
internal static class ThisProgram
{
    public static string Path => typeof(ThisProgram).Assembly.Location;

    /// <summary>Starts a command that ends with its standard input.</summary>
    public static Process Start(params string[] command) => Process.Start(new ProcessStartInfo("dotnet", [Path, .. command]) { RedirectStandardInput = true })!;

    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static async Task RunAsync(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path, .. command]) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)} failed:\n{output}");
        }
    }
}
