using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AuthApi.Tests.Harness;

/// <summary>A way to a server on this machine that can be cut, as a network is that drops packets: connections stay, new ones too, and nothing passes until it is mended.</summary>
internal sealed class CutProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly CancellationTokenSource _ending = new();
    private readonly int _target;
    private volatile TaskCompletionSource _open = Opened();

    public CutProxy(int target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void Cut() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Mend() => _open.TrySetResult();

    public void Dispose()
    {
        _ending.Cancel();
        _listener.Dispose();
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }

        _ending.Dispose();
    }

    private static TaskCompletionSource Opened()
    {
        var open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_ending.Token);
                var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                client.NoDelay = true;
                _sockets.Add(client);
                _sockets.Add(server);
                _ = ServeAsync(client, server);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It has ended.
        }
    }

    private async Task ServeAsync(Socket client, Socket server)
    {
        try
        {
            await _open.Task;
            await server.ConnectAsync(IPAddress.Loopback, _target, _ending.Token);
            await Task.WhenAll(PassAsync(client, server), PassAsync(server, client));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // One side has closed.
        }
        finally
        {
            client.Dispose();
            server.Dispose();
        }
    }

    private async Task PassAsync(Socket from, Socket to)
    {
        try
        {
            var buffer = new byte[16 * 1024];
            while (await from.ReceiveAsync(buffer, _ending.Token) is > 0 and var count)
            {
                await _open.Task.WaitAsync(_ending.Token);
                await to.SendAsync(buffer.AsMemory(0, count), _ending.Token);
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch
        {
            // What is broken on one side is on the other too: a server would go on with the transaction of a client that was killed, and keep its locks.
            from.Dispose();
            to.Dispose();
            throw;
        }
    }
}
