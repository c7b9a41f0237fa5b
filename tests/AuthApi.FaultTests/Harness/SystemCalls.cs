using System.Diagnostics;
using System.Globalization;

namespace AuthApi.FaultTests.Harness;

/// <summary>What processes ask of the kernel, in the order of it, by <c>strace</c>.</summary>
internal sealed class SystemCalls : IAsyncDisposable
{
    private const string Calls = "fsync,fdatasync,msync,recvmsg,recvfrom,read,readv,sendmsg,sendto,write,writev";

    private readonly Process _process;
    private readonly string _file;

    private SystemCalls(Process process, string file) => (_process, _file) = (process, file);

    /// <summary>Skips the test where there is no <c>strace</c>, or no right to trace; in CI it fails.</summary>
    public static void Require()
    {
        if (!File.Exists("/usr/bin/strace"))
        {
            Needs.Missing("strace (Debian's package strace)");
        }
    }

    /// <summary>Begins to trace these processes with all their threads; returns when each is attached.</summary>
    public static async Task<SystemCalls> TraceAsync(string folder, params int[] processes)
    {
        var file = Path.Combine(folder, "calls");
        var start = new ProcessStartInfo("strace", ["-f", "-y", "-s", "48", "-e", $"trace={Calls}", "-o", file, .. processes.SelectMany(id => new[] { "-p", id.ToString(CultureInfo.InvariantCulture) })])
        {
            RedirectStandardError = true,
        };
        var process = Process.Start(start)!;
        for (var attached = 0; attached < processes.Length;)
        {
            var line = await process.StandardError.ReadLineAsync() ?? throw new InvalidOperationException("strace did not attach.");
            attached += line.Contains("attached", StringComparison.Ordinal) ? 1 : 0;
        }

        _ = process.StandardError.ReadToEndAsync();
        return new SystemCalls(process, file);
    }

    /// <summary>Ends the trace.</summary>
    /// <returns>Its lines.</returns>
    public async Task<IReadOnlyList<string>> EndAsync()
    {
        using var kill = Process.Start("kill", ["-INT", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await _process.WaitForExitAsync();
        return await File.ReadAllLinesAsync(_file);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}
