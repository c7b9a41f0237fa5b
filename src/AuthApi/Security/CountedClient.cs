using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using AuthApi.Api;

namespace AuthApi.Security;

/// <summary>The client that a request is counted for: a user, an IPv4 address, or an IPv6 network, as one client has all addresses of its /64.</summary>
/// <param name="Kind"><c>u</c> for a user, <c>4</c> or <c>6</c> for an address.</param>
/// <param name="Value">The user's id, the IPv4 address, or the upper half of the IPv6 address.</param>
internal readonly record struct CountedClient(char Kind, ulong Value)
{
    public bool IsIpv6 => Kind == '6';

    public static CountedClient UserOrAddress(HttpContext context) =>
        context.User.Identity?.IsAuthenticated == true ? new CountedClient('u', (ulong)context.User.GetUserId()) : Of(context.Connection.RemoteIpAddress);

    /// <param name="address">None, over a Unix socket, is one client.</param>
    public static CountedClient Of(IPAddress? address)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        if (address is { IsIPv4MappedToIPv6: true })
        {
            address = address.MapToIPv4();
        }

        address?.TryWriteBytes(bytes, out _);
        return new CountedClient(address?.AddressFamily == AddressFamily.InterNetworkV6 ? '6' : '4', BinaryPrimitives.ReadUInt64BigEndian(bytes));
    }

    /// <summary>The IPv6 network of <paramref name="bits"/> bits, 1 to 64, that this one is in.</summary>
    public CountedClient Network(int bits) => this with { Value = Value >> (64 - bits) << (64 - bits) };
}
