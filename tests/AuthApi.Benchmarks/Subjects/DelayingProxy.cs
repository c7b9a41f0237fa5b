using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>
/// Passes connections on to a port of this machine and delivers what either side sends after a delay, as a network between two machines does. Each direction has a
/// thread, which sleeps by the system's clock: timers of .NET are too coarse.
/// </summary>
internal static partial class DelayingProxy
{
    private const int TimerSlack = 29;

    public static void Run(int port, int target, TimeSpan oneWay)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        while (true)
        {
            var client = listener.AcceptSocket();
            var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            server.Connect(IPAddress.Loopback, target);
            (client.NoDelay, server.NoDelay) = (true, true);
            Pass(client, server, oneWay);
            Pass(server, client, oneWay);
        }
    }

    private static void Pass(Socket from, Socket to, TimeSpan oneWay) => new Thread(() =>
    {
        var buffer = new byte[1 << 16];
        _ = SetSlack(TimerSlack, 1, 0, 0, 0);
        try
        {
            while (from.Receive(buffer) is > 0 and var read)
            {
                var sendAt = Stopwatch.GetTimestamp() + (long)(oneWay.TotalSeconds * Stopwatch.Frequency);
                if (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), sendAt) is var left && left > TimeSpan.Zero)
                {
                    _ = Sleep((uint)left.TotalMicroseconds);
                }

                to.Send(buffer, read, SocketFlags.None);
            }
        }
        catch (SocketException)
        {
            // One side has gone; so does the other.
        }

        to.Close();
        from.Close();
    })
    { IsBackground = true }.Start();

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int SetSlack(int option, ulong nanoseconds, ulong third, ulong fourth, ulong fifth);
}
