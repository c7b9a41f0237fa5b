using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using AuthApi.Benchmarks.Traffic;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>A server in a process of its own on a free port of this machine, until it is disposed or this program ends.</summary>
internal sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan MaxStart = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan MaxBusy = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);

    // The system counts in hundredths of a second, and an idle runtime uses some of them.
    private static readonly TimeSpan Noise = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly ServerOutput _output;

    private ServerProcess(Process process, ServerOutput output, IPEndPoint endPoint)
    {
        _process = process;
        _output = output;
        EndPoint = endPoint;
        AppDomain.CurrentDomain.ProcessExit += KillAtExit;
    }

    public IPEndPoint EndPoint { get; }

    public Uri Address => new($"http://{EndPoint}");

    public Process Process => _process;

    /// <summary>The server of its database, if that is another process.</summary>
    public PostgreSqlCluster? Database { get; set; }

    /// <summary>What all the process's threads have used so far, and its database's.</summary>
    public TimeSpan CpuTime => OwnCpuTime + (Database?.CpuTime ?? TimeSpan.Zero);

    private TimeSpan OwnCpuTime => _process.TotalProcessorTime;

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

    /// <summary>A free port of this machine.</summary>
    public static IPEndPoint FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return (IPEndPoint)listener.LocalEndpoint;
    }

    /// <summary>Starts a server and completes when it has sent its first response.</summary>
    /// <param name="arguments">The arguments of <c>dotnet</c>: the program and its own, without its address.</param>
    /// <param name="request">Its first request.</param>
    /// <param name="expectedStatus">The status of the response, or null for any.</param>
    /// <exception cref="InvalidOperationException">It ended instead.</exception>
    public static async Task<ServerProcess> StartAsync(IReadOnlyList<string> arguments, Func<IPEndPoint, byte[]>? request = null, int? expectedStatus = null)
    {
        var endPoint = FindFreePort();
        var info = new ProcessStartInfo("dotnet", [.. arguments, "--urls", $"http://{endPoint}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var process = Process.Start(info)!;
        var server = new ServerProcess(process, new ServerOutput(process), endPoint);
        try
        {
            using var connection = await server.ConnectAsync();
            connection.Exchange(request?.Invoke(endPoint) ?? HttpRequests.Me(endPoint, "none=none"), expectedStatus);
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Waits until the server does nothing for so long, or until two minutes have passed.</summary>
    /// <param name="idle">For how long it must do nothing.</param>
    /// <param name="atLeast">How long to wait in any case: it may begin with something later.</param>
    /// <returns>The CPU that it used, and for how long it was busy.</returns>
    public (TimeSpan Cpu, TimeSpan Busy) WaitUntilIdle(TimeSpan idle, TimeSpan atLeast = default)
    {
        var (startedAt, before) = (Stopwatch.GetTimestamp(), CpuTime);
        var (busy, counted) = (TimeSpan.Zero, OwnCpuTime);
        while (Stopwatch.GetElapsedTime(startedAt) is var elapsed && (elapsed < busy + idle || elapsed < atLeast) && elapsed < MaxBusy)
        {
            Task.Delay(BetweenLooks).GetAwaiter().GetResult();
            if (OwnCpuTime is var now && now > counted + Noise)
            {
                (busy, counted) = (Stopwatch.GetElapsedTime(startedAt), now);
            }
        }

        return (CpuTime - before, busy);
    }

    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= KillAtExit;
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private async Task<KeepAliveConnection> ConnectAsync()
    {
        var startedAt = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return new KeepAliveConnection(EndPoint);
            }
            catch (SocketException) when (!_process.HasExited && Stopwatch.GetElapsedTime(startedAt) < MaxStart)
            {
                await Task.Delay(BetweenTries);
            }
            catch (SocketException exception)
            {
                throw new InvalidOperationException($"The server did not start. It wrote:\n{_output}", exception);
            }
        }
    }

    private void KillAtExit(object? sender, EventArgs e) => _process.Kill();
}
