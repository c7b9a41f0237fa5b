using System.Net;
using System.Net.Sockets;

namespace AuthApi.Tests.Harness;

/// <summary>A way to a server of this machine that can be cut as a network is: connections stay, new ones too, and nothing arrives until it is mended.</summary>
internal sealed class CutProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private volatile TaskCompletionSource _isWhole = new();

    public CutProxy(int target)
    {
        _isWhole.SetResult();
        _listener.Start();
        _ = AcceptAsync(target);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void Cut() => _isWhole = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Mend() => _isWhole.TrySetResult();

    public void Dispose()
    {
        _ending.Cancel();
        Mend();
        _listener.Dispose();
        _ending.Dispose();
    }

    private async Task AcceptAsync(int target)
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_ending.Token);
                var server = new TcpClient { NoDelay = true };
                client.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, target, _ending.Token);
                _ = PassAsync(client, server);
                _ = PassAsync(server, client);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It has ended.
        }
    }

    private async Task PassAsync(TcpClient from, TcpClient to)
    {
        try
        {
            var buffer = new byte[1 << 16];
            while (await from.GetStream().ReadAsync(buffer, _ending.Token) is > 0 and var read)
            {
                await _isWhole.Task;
                await to.GetStream().WriteAsync(buffer.AsMemory(0, read), _ending.Token);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // One side has gone; so does the other.
        }

        to.Dispose();
        from.Dispose();
    }
}
