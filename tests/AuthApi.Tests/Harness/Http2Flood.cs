using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace AuthApi.Tests.Harness;

/// <summary>A connection of HTTP/2 over TLS on which many requests begin and none ends, whose headers name an entry of HPACK's table.</summary>
internal sealed class Http2Flood : IDisposable
{
    private const byte Headers = 1;
    private const byte EndHeaders = 4;

    private readonly TcpClient _client = new();
    private SslStream? _stream;

    /// <summary>Begins requests for <c>POST /login/</c>.</summary>
    /// <param name="port">The port of 127.0.0.1 to connect to.</param>
    /// <param name="streams">How many requests to begin.</param>
    /// <param name="references">How often each of them names the entry, which is 3,900 bytes large.</param>
    public async Task BeginAsync(int port, int streams, int references)
    {
        await _client.ConnectAsync(IPAddress.Loopback, port);
        _stream = new SslStream(_client.GetStream());
        await _stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            RemoteCertificateValidationCallback = (_, served, _, _) => served?.Subject == "CN=localhost",
        });

        // :method POST and :scheme https are in the static table; the literals are not entered into the dynamic one.
        byte[] request = [0x83, 0x87, 0x04, .. Text("/login/"), 0x01, .. Text("localhost"), 0x0F, 0x10, .. Text("application/json")];
        byte[] entry = [0x40, .. Text("x-a"), .. Text(new string('y', 3_900))];
        List<byte> bytes = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(type: 4, flags: 0, stream: 0, [])];
        for (var i = 0; i < streams; i++)
        {
            byte[] more = i == 0 ? entry : [.. Enumerable.Repeat((byte)0xBE, references)];
            bytes.AddRange(Frame(Headers, EndHeaders, (2 * i) + 1, [.. request, .. more]));
        }

        await _stream.WriteAsync(bytes.ToArray());
    }

    public void Dispose()
    {
        _stream?.Dispose();
        _client.Dispose();
    }

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }

    // A string of HPACK, not compressed (RFC 7541, 5.1 and 5.2).
    private static byte[] Text(string text)
    {
        var (length, rest) = (new List<byte>(), text.Length - 127);
        if (rest < 0)
        {
            length.Add((byte)text.Length);
        }
        else
        {
            length.Add(127);
            for (; rest >= 128; rest >>= 7)
            {
                length.Add((byte)((rest & 127) | 128));
            }

            length.Add((byte)rest);
        }

        return [.. length, .. Encoding.ASCII.GetBytes(text)];
    }
}
