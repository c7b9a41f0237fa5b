using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace AuthApi.Commands;

/// <summary>What a command's process and the server write to each other: JSON, with its length before it.</summary>
internal sealed record ControlMessage
{
    /// <summary>From the client: the command and its arguments.</summary>
    public string[]? Words { get; init; }

    /// <summary>From the client: whether a person can answer.</summary>
    public bool IsInteractive { get; init; }

    /// <summary>From the client: the answer; <see langword="null"/> at the end of standard input.</summary>
    public string? Answer { get; init; }

    /// <summary>From the server: a line for standard output.</summary>
    public string? Output { get; init; }

    /// <summary>From the server: a line for standard error.</summary>
    public string? Error { get; init; }

    /// <summary>From the server: a question.</summary>
    public string? Ask { get; init; }

    /// <summary>From the server: whether the answer is not shown.</summary>
    public bool IsSecret { get; init; }

    /// <summary>From the server: the end.</summary>
    public int? ExitCode { get; init; }
}

/// <summary>One connection to the control socket.</summary>
internal sealed class ControlChannel : IDisposable
{
    // The result of a list is one message.
    private const int MaxLength = 16 << 20;

    // getsockopt(2), SO_PEERCRED of unix(7): process, user and group, 32 bits each.
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    private readonly NetworkStream _stream;

    public ControlChannel(Socket socket) => _stream = new NetworkStream(socket, ownsSocket: true);

    /// <summary>Whether the process at the other end is of this process's user. The mode of the socket lets in nobody else but root.</summary>
    public static bool IsOfThisUser(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12];
        socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials);
        var peer = BinaryPrimitives.ReadUInt32LittleEndian(credentials[4..]);
        var own = File.ReadLines("/proc/self/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t', StringSplitOptions.RemoveEmptyEntries)[2];
        return peer.ToString(CultureInfo.InvariantCulture) == own || peer == 0;
    }

    public async Task WriteAsync(ControlMessage message, CancellationToken cancellationToken)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(message);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        await _stream.WriteAsync(length, cancellationToken);
        await _stream.WriteAsync(bytes, cancellationToken);
    }

    /// <summary>Reads a message.</summary>
    /// <returns><see langword="null"/> where the other end has gone.</returns>
    public async Task<ControlMessage?> ReadAsync(CancellationToken cancellationToken)
    {
        var length = new byte[4];
        if (await _stream.ReadAtLeastAsync(length, length.Length, throwOnEndOfStream: false, cancellationToken) < length.Length)
        {
            return null;
        }

        var count = BinaryPrimitives.ReadInt32LittleEndian(length);
        if (count is < 1 or > MaxLength)
        {
            throw new IOException("A message is too long.");
        }

        var bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes, cancellationToken);
        return JsonSerializer.Deserialize<ControlMessage>(Encoding.UTF8.GetString(bytes));
    }

    public void Dispose() => _stream.Dispose();
}
