using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>
/// One connection that sends a request and reads its whole answer, again and again. It blocks: on a thread of its own that
/// costs less than asynchronous reading, and the load generator shares its machine with the server that is measured.
/// </summary>
internal sealed class KeepAliveConnection : IDisposable
{
    private const int MaxAnswer = 16 * 1024;
    private const int TimeoutMilliseconds = 30_000;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
    {
        NoDelay = true,
        ReceiveTimeout = TimeoutMilliseconds,
        SendTimeout = TimeoutMilliseconds,
    };

    private readonly byte[] _received = new byte[MaxAnswer];

    /// <exception cref="SocketException">Nobody listens there.</exception>
    public KeepAliveConnection(IPEndPoint server)
    {
        try
        {
            _socket.Connect(server);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request and reads its answer.</summary>
    /// <exception cref="InvalidDataException">The answer is not HTTP, ends early, or has another status.</exception>
    public void Exchange(ReadOnlySpan<byte> request, int expectedStatus)
    {
        if (Exchange(request, out var length) != expectedStatus)
        {
            throw Unexpected($"not the {expectedStatus} expected", request, length);
        }
    }

    /// <summary>Sends a request, reads its answer and returns its status.</summary>
    /// <exception cref="InvalidDataException">The answer is not HTTP, or ends early.</exception>
    public int Exchange(ReadOnlySpan<byte> request) => Exchange(request, out _);

    public void Dispose() => _socket.Dispose();

    private int Exchange(ReadOnlySpan<byte> request, out int length)
    {
        // A blocking socket takes all there is before it returns.
        _socket.Send(request);

        length = 0;
        int status, answerLength;
        do
        {
            var read = _socket.Receive(_received.AsSpan(length));
            if (read == 0)
            {
                throw Unexpected(length == MaxAnswer ? "longer than is possible here" : "cut off", request, length);
            }

            length += read;
        }
        while (!HttpAnswer.TryRead(_received.AsSpan(0, length), out status, out answerLength));

        if (answerLength != length)
        {
            throw Unexpected("followed by more than was asked for", request, length);
        }

        return status;
    }

    private InvalidDataException Unexpected(string what, ReadOnlySpan<byte> request, int length)
    {
        // Not the whole request: it holds a cookie.
        var call = Encoding.ASCII.GetString(request[..request.IndexOf("\r\n"u8)]);
        return new InvalidDataException($"The answer to {call} was {what}:\n{Encoding.UTF8.GetString(_received, 0, length)}");
    }
}
