using System.Net;
using System.Net.Sockets;

namespace AuthApi.Tests.Harness;

/// <summary>
/// A port of the loopback address that the system gives to nobody else until this is disposed. A server that is given it can listen on it, and before and after that
/// connections to it are refused.
/// </summary>
internal sealed class ReservedPort : IDisposable
{
    // Bound and not listening: another socket may be bound to the same port by its number (SO_REUSEADDR, which .NET, PostgreSQL, nginx and Caddy set), and none by chance.
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public ReservedPort() => _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));

    public int Number => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    public void Dispose() => _socket.Dispose();
}
