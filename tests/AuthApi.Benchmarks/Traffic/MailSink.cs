using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>A mail server on this machine that takes every message and keeps none, and can be held up: then it answers nothing.</summary>
internal sealed class MailSink : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ManualResetEventSlim _open = new();
    private int _taken;

    public MailSink()
    {
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many messages it has taken.</summary>
    public int Taken => Volatile.Read(ref _taken);

    public void Open() => _open.Set();

    public void HoldUp() => _open.Reset();

    public void Dispose()
    {
        _open.Set();
        _listener.Dispose();
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                using var client = _listener.AcceptTcpClient();
                client.NoDelay = true;
                Serve(client.GetStream());
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // It is closed.
        }
    }

    // As much of RFC 5321 as a client needs that sends one message after the other.
    private void Serve(NetworkStream stream)
    {
        try
        {
            using var reader = new StreamReader(stream, Encoding.Latin1);
            Answer(stream, "220 sink");
            while (reader.ReadLine() is { } line)
            {
                if (line.StartsWith("EHLO", StringComparison.OrdinalIgnoreCase))
                {
                    Answer(stream, "250-sink\r\n250 8BITMIME");
                }
                else if (line.StartsWith("DATA", StringComparison.OrdinalIgnoreCase))
                {
                    Answer(stream, "354 go on");
                    while (reader.ReadLine() is { } data && data != ".")
                    {
                    }

                    Interlocked.Increment(ref _taken);
                    Answer(stream, "250 taken");
                }
                else if (line.StartsWith("QUIT", StringComparison.OrdinalIgnoreCase))
                {
                    Answer(stream, "221 bye");
                    return;
                }
                else
                {
                    Answer(stream, "250 well");
                }
            }
        }
        catch (IOException)
        {
            // The client has gone.
        }
    }

    private void Answer(NetworkStream stream, string text)
    {
        _open.Wait();
        stream.Write(Encoding.ASCII.GetBytes(text + "\r\n"));
    }
}
