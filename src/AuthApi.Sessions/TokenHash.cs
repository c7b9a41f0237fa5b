using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace AuthApi.Sessions;

/// <summary>
/// The SHA-256 of a session token: 32 bytes, the key of a session in the store and in the cache. It gives no access. A plain
/// hash is enough, since 256 random bits cannot be guessed (ASVS 6.5.2); nor does a look-up by it leak by its timing, since
/// nobody can choose a token by its hash.
/// </summary>
public readonly struct TokenHash : IEquatable<TokenHash>
{
    /// <summary>The length of a hash, and of a token, in bytes.</summary>
    public const int Size = 32;

    private readonly ulong _a;
    private readonly ulong _b;
    private readonly ulong _c;
    private readonly ulong _d;

    /// <summary>The stored bytes, as a key.</summary>
    /// <exception cref="ArgumentException">They are not 32.</exception>
    public TokenHash(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size)
        {
            throw new ArgumentException($"A token hash has {Size} bytes, not {bytes.Length}.", nameof(bytes));
        }

        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        (_a, _b, _c, _d) = (words[0], words[1], words[2], words[3]);
    }

    /// <summary>Whether two hashes are the same.</summary>
    public static bool operator ==(TokenHash left, TokenHash right) => left.Equals(right);

    /// <summary>Whether two hashes differ.</summary>
    public static bool operator !=(TokenHash left, TokenHash right) => !left.Equals(right);

    /// <summary>Hashes a token's bytes.</summary>
    public static TokenHash Of(ReadOnlySpan<byte> token)
    {
        Span<byte> hash = stackalloc byte[Size];
        SHA256.HashData(token, hash);
        return new TokenHash(hash);
    }

    /// <summary>
    /// The first eight bytes, as a number: where its session's row lies in the store, so that no index is needed to find it. Two hashes that
    /// begin alike are as unlikely as any two of 2^64; the second one's session would be refused.
    /// </summary>
    public long Prefix => BitConverter.IsLittleEndian ? (long)BinaryPrimitives.ReverseEndianness(_a) : (long)_a;

    /// <summary>The 32 bytes to store.</summary>
    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        var words = MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan());
        (words[0], words[1], words[2], words[3]) = (_a, _b, _c, _d);
        return bytes;
    }

    /// <inheritdoc/>
    public bool Equals(TokenHash other) => _a == other._a && _b == other._b && _c == other._c && _d == other._d;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is TokenHash other && Equals(other);

    /// <inheritdoc/>
    /// <remarks>The bits are as good as random already.</remarks>
    public override int GetHashCode() => (int)_a;
}
