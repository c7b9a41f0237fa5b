using System.Diagnostics;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>This program, started again with one of its commands.</summary>
internal static class ThisProgram
{
    public static string Path => typeof(ThisProgram).Assembly.Location;

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
