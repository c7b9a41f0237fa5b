using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace AuthApi.Tests.Harness;

/// <summary>A TCP connection that sends what no decent client would, and reads the HTTP/1.1 responses to it.</summary>
internal sealed class RawConnection : IDisposable
{
    /// <summary>How long an answer may take before it counts as none at all.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;

    private RawConnection(Socket socket) => _socket = socket;

    public static async Task<RawConnection> OpenAsync(Uri address)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Parse(address.Host), address.Port);
        return new RawConnection(socket);
    }

    /// <summary>Sends this text in one go, each character as one byte (Latin-1).</summary>
    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            while (bytes.Length > 0)
            {
                bytes = bytes[await _socket.SendAsync(bytes, timeout.Token)..];
            }
        }
        catch (SocketException)
        {
            // The server has refused what came so far and closed; why stands in what it answered.
        }
    }

    /// <summary>Says that nothing more will be sent; answers can still be read.</summary>
    public void HalfClose() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>Reads the next response; <see langword="null"/> when the server closed the connection instead.</summary>
    /// <param name="method">The method it answers: to HEAD there is no body.</param>
    /// <exception cref="TimeoutException">There was no whole response in time.</exception>
    public async Task<RawResponse?> ReadAsync(string method = "GET")
    {
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            return await ReadResponseAsync(method, timeout.Token);
        }
        catch (OperationCanceledException exception)
        {
            throw new TimeoutException($"No whole response after {Patience.TotalSeconds} s.", exception);
        }
    }

    /// <summary>Reads one status line and what follows it up to an empty line; for the 100 that <see cref="ReadAsync"/> passes over.</summary>
    public async Task<string> ReadHeadAsync()
    {
        using var timeout = new CancellationTokenSource(Patience);
        var status = await ReadLineAsync(timeout.Token);
        while (await ReadLineAsync(timeout.Token) is { Length: > 0 })
        {
        }

        return status;
    }

    /// <summary>Reads until the server closes the connection.</summary>
    /// <exception cref="TimeoutException">It did not close it.</exception>
    public async Task<byte[]> ReadToEndAsync()
    {
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            var bytes = new List<byte>();
            while (await FillAsync(timeout.Token))
            {
                bytes.Add(_buffer[_start++]);
            }

            return [.. bytes];
        }
        catch (OperationCanceledException exception)
        {
            throw new TimeoutException($"The connection is open after {Patience.TotalSeconds} s.", exception);
        }
    }

    /// <summary>Waits for bytes from the server, and drops them.</summary>
    /// <returns>Whether there were some; else the server closed the connection.</returns>
    public async Task<bool> ReadAnyAsync()
    {
        using var timeout = new CancellationTokenSource(Patience);
        var any = await FillAsync(timeout.Token);
        _start = _end;
        return any;
    }

    public void Dispose() => _socket.Dispose();

    private async Task<RawResponse?> ReadResponseAsync(string method, CancellationToken cancellationToken)
    {
        if (!await FillAsync(cancellationToken))
        {
            return null;
        }

        RawResponse response;
        do
        {
            // "HTTP/1.1 200 OK"
            var status = await ReadLineAsync(cancellationToken);
            response = new RawResponse(int.Parse(status.Split(' ')[1], CultureInfo.InvariantCulture));
            while (await ReadLineAsync(cancellationToken) is { Length: > 0 } line)
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                response.Headers.Add((line[..colon], line[(colon + 1)..].Trim()));
            }
        }
        while (response.Status == 100);

        if (method == "HEAD" || response.Status == 204)
        {
            return response;
        }

        if (response.Header("Transfer-Encoding") == "chunked")
        {
            while (int.Parse(await ReadLineAsync(cancellationToken), NumberStyles.HexNumber, CultureInfo.InvariantCulture) is > 0 and var size)
            {
                await ReadBodyAsync(response, size, cancellationToken);
                await ReadLineAsync(cancellationToken);
            }

            await ReadLineAsync(cancellationToken);
        }
        else if (response.Header("Content-Length") is { } length)
        {
            await ReadBodyAsync(response, int.Parse(length, CultureInfo.InvariantCulture), cancellationToken);
        }
        else
        {
            // As to HTTP/1.0: the body ends where the connection does.
            while (await FillAsync(cancellationToken))
            {
                response.Body.Add(_buffer[_start++]);
            }
        }

        return response;
    }

    private async Task ReadBodyAsync(RawResponse response, int length, CancellationToken cancellationToken)
    {
        for (var i = 0; i < length; i++)
        {
            response.Body.Add(await ReadByteAsync(cancellationToken));
        }
    }

    private async Task<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        for (; ; )
        {
            var character = (char)await ReadByteAsync(cancellationToken);
            if (character == '\n')
            {
                return line.ToString().TrimEnd('\r');
            }

            line.Append(character);
        }
    }

    private ValueTask<byte> ReadByteAsync(CancellationToken cancellationToken)
    {
        return _start < _end ? new ValueTask<byte>(_buffer[_start++]) : ReadAsync();

        async ValueTask<byte> ReadAsync() => await FillAsync(cancellationToken)
            ? _buffer[_start++]
            : throw new IOException("The connection closed in the middle of a response.");
    }

    // Whether there is something to read; not where the server has closed, however it did.
    private ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        return _start < _end ? new ValueTask<bool>(true) : ReceiveAsync();

        async ValueTask<bool> ReceiveAsync()
        {
            try
            {
                _start = 0;
                _end = 0;
                _end = await _socket.ReceiveAsync(_buffer, cancellationToken);
                return _end > 0;
            }
            catch (SocketException)
            {
                return false;
            }
        }
    }
}

/// <summary>A response as it came over the wire.</summary>
internal sealed class RawResponse(int status)
{
    public int Status => status;

    public List<(string Name, string Value)> Headers { get; } = [];

    public List<byte> Body { get; } = [];

    public string Text => Encoding.UTF8.GetString([.. Body]);

    /// <summary>The value of a header; <see langword="null"/> where there is none.</summary>
    public string? Header(string name) =>
        Headers.Where(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value).FirstOrDefault();

    /// <summary>Whether the server refused the request before the program saw it: no body, no word of caching, and the connection closes.</summary>
    public bool IsTheServersOwn => Body.Count == 0 && Header("Content-Length") == "0" && Header("Connection") == "close" && Header("Cache-Control") is null;

    /// <summary>Asserts that the program answered a problem, as the contract has it.</summary>
    public void ShouldBeProblem(int expected, string code)
    {
        Assert.That((Status, Text), Is.EqualTo((expected, Text)));
        Assert.That(Header("Content-Type"), Is.EqualTo("application/problem+json"));
        Assert.That(Header("Cache-Control"), Is.EqualTo("no-store"));
        var problem = JsonNode.Parse(Text)!;
        Assert.That(problem["status"]!.GetValue<int>(), Is.EqualTo(expected));
        Assert.That(problem["code"]!.GetValue<string>(), Is.EqualTo(code));
    }

    /// <summary>Asserts that the server refused the request before the program saw it.</summary>
    public void ShouldBeTheServersOwn(int expected)
    {
        Assert.That(Status, Is.EqualTo(expected));
        Assert.That(IsTheServersOwn, Is.True, string.Join("\n", Headers) + "\n" + Text);
    }
}
