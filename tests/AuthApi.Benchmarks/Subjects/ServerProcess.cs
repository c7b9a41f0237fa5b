using System.Diagnostics;
using System.Net;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>A server in a process of its own, ready to be asked.</summary>
internal sealed class ServerProcess : IDisposable
{
    public const string Listening = "Now listening on: ";
    private static readonly TimeSpan MaxStart = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan MaxEnd = TimeSpan.FromSeconds(10);

    private readonly Process _process;

    private ServerProcess(Process process, Uri address)
    {
        _process = process;
        Address = address;
        EndPoint = IPEndPoint.Parse(address.Authority);
    }

    public Uri Address { get; }

    public IPEndPoint EndPoint { get; }

    /// <summary>What all the process's threads have used so far.</summary>
    public TimeSpan CpuTime => _process.TotalProcessorTime;

    /// <summary>What the process holds in memory now, in bytes.</summary>
    public long ResidentMemory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>How many files and sockets the process holds open.</summary>
    public int Handles
    {
        get
        {
            _process.Refresh();
            return _process.HandleCount;
        }
    }

    /// <summary>Starts a server and completes when it says where it listens.</summary>
    /// <param name="application">Which one, as the command line names it.</param>
    /// <param name="folder">Where its database lies.</param>
    /// <param name="settings">AuthApi's settings that are not its own, as on its command line.</param>
    /// <exception cref="InvalidOperationException">It ended instead.</exception>
    public static async Task<ServerProcess> StartAsync(string application, string folder, params string[] settings)
    {
        var process = ChildProcess.Start(["serve", application, folder, .. settings]);
        try
        {
            var address = await ReadAddressAsync(process.StandardOutput);

            // What it logs is not read, but must be taken, or it would wait for that.
            _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
            return new ServerProcess(process, address);
        }
        catch
        {
            End(process);
            throw;
        }
    }

    public void Dispose() => End(_process);

    private static async Task<Uri> ReadAddressAsync(StreamReader output)
    {
        using var limit = new CancellationTokenSource(MaxStart);
        var lines = new List<string>();
        while (await output.ReadLineAsync(limit.Token) is { } line)
        {
            lines.Add(line);
            var at = line.IndexOf(Listening, StringComparison.Ordinal);
            if (at >= 0)
            {
                return new Uri(line[(at + Listening.Length)..]);
            }
        }

        throw new InvalidOperationException($"The server did not start. It said: {string.Join(Environment.NewLine, lines)}");
    }

    private static void End(Process process)
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(MaxEnd))
        {
            process.Kill();
        }

        process.Dispose();
    }
}
