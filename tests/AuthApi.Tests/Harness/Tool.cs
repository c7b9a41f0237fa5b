using System.ComponentModel;
using System.Diagnostics;

namespace AuthApi.Tests.Harness;

/// <summary>Runs another program to its end, which it must come to by itself and in time.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public static string Npm => OperatingSystem.IsWindows() ? "npm.cmd" : "npm";

    /// <summary>The version that a program says it is, as in <c>v20.20.2</c>; null where there is no such program.</summary>
    public static async Task<Version?> VersionOfAsync(string name)
    {
        try
        {
            return Version.Parse((await RunAsync(Path.GetTempPath(), name, "--version")).Trim().TrimStart('v'));
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    /// <returns>What it wrote on standard output.</returns>
    /// <exception cref="ToolFailedException">It ended with anything but 0, or did not end.</exception>
    public static Task<string> RunAsync(string folder, string name, params string[] arguments) =>
        RunAsync(folder, new Dictionary<string, string>(StringComparer.Ordinal), name, arguments);

    /// <summary>Runs it with these environment variables too.</summary>
    /// <inheritdoc cref="RunAsync(string, string, string[])"/>
    public static async Task<string> RunAsync(string folder, IReadOnlyDictionary<string, string> environment, string name, params string[] arguments)
    {
        var start = new ProcessStartInfo(name, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // No process of the SDK is to stay behind and wait for the next build.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        foreach (var (variable, value) in environment)
        {
            start.Environment[variable] = value;
        }

        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new ToolFailedException($"{name} {string.Join(' ', arguments)} did not end in {Patience}. {await output}{await error}");
        }

        if (process.ExitCode != 0)
        {
            throw new ToolFailedException($"{name} {string.Join(' ', arguments)} ended with {process.ExitCode}.\n{await output}{await error}");
        }

        return await output;
    }
}

internal sealed class ToolFailedException(string message) : Exception(message);
