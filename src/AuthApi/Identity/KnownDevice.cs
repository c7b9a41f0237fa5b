using System.Net;
using System.Net.Sockets;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthApi.Identity;

/// <summary>A device and a network from which an account was signed in to.</summary>
internal sealed class KnownDevice
{
    public required int UserId { get; init; }

    /// <summary>The client in words, as in <see cref="SessionResponse.Device"/>; empty where it named none.</summary>
    public required string Device { get; init; }

    /// <summary>The network of the client's address, as <c>203.0.113.0/24</c>; empty where there was none.</summary>
    public required string Network { get; init; }

    /// <summary>The last sign-in, to the day.</summary>
    public required DateTimeOffset LastUsedAt { get; init; }

    public static KnownDevice Of(int userId, ClientInfo client, DateTimeOffset at) =>
        new() { UserId = userId, Device = client.Device ?? "", Network = NetworkOf(client.IpAddress), LastUsedAt = at };

    public bool IsSame(KnownDevice other) => Device == other.Device && Network == other.Network;

    /// <summary>The first 24 bits of an IPv4 address, and the first 48 of an IPv6 address: what a provider gives to one place.</summary>
    public static string NetworkOf(string? ipAddress)
    {
        if (!IPAddress.TryParse(ipAddress, out var address))
        {
            return "";
        }

        var bits = address.AddressFamily == AddressFamily.InterNetwork ? 24 : 48;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(bits / 8).Clear();
        return $"{new IPAddress(bytes)}/{bits}";
    }

    internal sealed class Configuration : IEntityTypeConfiguration<KnownDevice>
    {
        public void Configure(EntityTypeBuilder<KnownDevice> builder)
        {
            builder.ToTable("KnownDevices");
            builder.HasKey(device => new { device.UserId, device.Device, device.Network });
            builder.HasOne<ApplicationUser>().WithMany().HasForeignKey(device => device.UserId).OnDelete(DeleteBehavior.Cascade);
        }
    }
}
