using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>One connection that sends a request and reads its whole response, again and again. Sending and reading block.</summary>
/// <remarks>It is a <see cref="Socket"/> so that <see cref="ReadableSockets"/> can wait for it.</remarks>
internal sealed class KeepAliveConnection : Socket
{
    private const int MaxResponse = 16 * 1024;
    private const int TimeoutMilliseconds = 60_000;

    private readonly byte[] _received = new byte[MaxResponse];
    private byte[] _request = [];
    private int _length;

    /// <exception cref="SocketException">Nobody listens there.</exception>
    public KeepAliveConnection(IPEndPoint server)
        : base(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
    {
        NoDelay = true;
        ReceiveTimeout = TimeoutMilliseconds;
        SendTimeout = TimeoutMilliseconds;
        try
        {
            Connect(server);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>When the last request was sent, in ticks of <see cref="Stopwatch"/>.</summary>
    public long SentAt { get; private set; }

    /// <summary>Sends a request, reads its response and returns its status.</summary>
    /// <exception cref="InvalidDataException">The response is not HTTP, ends early, or has another status than is expected.</exception>
    public int Exchange(byte[] request, int? expectedStatus = null)
    {
        Send(request);
        int status;
        while (!TryReceive(expectedStatus, out status))
        {
        }

        return status;
    }

    /// <summary>Sends a request, whose response <see cref="TryReceive(int?, out int)"/> reads.</summary>
    public new void Send(byte[] request)
    {
        _request = request;
        _length = 0;
        SentAt = Stopwatch.GetTimestamp();

        // A blocking socket takes all there is before it returns.
        base.Send(request);
    }

    /// <summary>Reads what has arrived of the response.</summary>
    /// <returns>Whether the response is complete.</returns>
    /// <exception cref="InvalidDataException">The response is not HTTP, ends early, or has another status than is expected.</exception>
    public bool TryReceive(int? expectedStatus, out int status)
    {
        var read = Receive(_received.AsSpan(_length));
        if (read == 0)
        {
            throw Unexpected(_length == MaxResponse ? "longer than is possible here" : "cut off");
        }

        _length += read;
        if (!HttpResponseReader.TryRead(_received.AsSpan(0, _length), out status, out var responseLength))
        {
            return false;
        }

        return responseLength != _length ? throw Unexpected("followed by more than was asked for")
            : expectedStatus is not null && status != expectedStatus ? throw Unexpected($"not the {expectedStatus} expected")
            : true;
    }

    private InvalidDataException Unexpected(string what)
    {
        // Not the whole request: it holds a cookie.
        var call = Encoding.ASCII.GetString(_request.AsSpan(0, _request.AsSpan().IndexOf("\r\n"u8)));
        return new InvalidDataException($"The response to {call} was {what}:\n{Encoding.UTF8.GetString(_received, 0, _length)}");
    }
}
