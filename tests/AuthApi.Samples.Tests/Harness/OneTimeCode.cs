using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace AuthApi.Samples.Tests;

/// <summary>What an authenticator app shows (RFC 6238).</summary>
internal static class OneTimeCode
{
    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";

    /// <summary>The code of a key, as the page writes it, at a time.</summary>
    public static string Of(string key, DateTimeOffset now)
    {
        var step = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(step, now.ToUnixTimeSeconds() / 30);
#pragma warning disable CA5350 // SHA-1 is what the pages of Identity and every authenticator app use.
        var hash = HMACSHA1.HashData(FromBase32(key), step);
#pragma warning restore CA5350
        var code = BinaryPrimitives.ReadInt32BigEndian(hash.AsSpan(hash[^1] & 15)) & int.MaxValue;
        return (code % 1_000_000).ToString("D6", CultureInfo.InvariantCulture);
    }

    private static byte[] FromBase32(string text)
    {
        List<byte> bytes = [];
        var (bits, count) = (0, 0);
        foreach (var character in text.ToLowerInvariant().Where(character => character != ' '))
        {
            (bits, count) = ((bits << 5) | Alphabet.IndexOf(character, StringComparison.Ordinal), count + 5);
            if (count >= 8)
            {
                count -= 8;
                bytes.Add((byte)(bits >> count));
                bits &= (1 << count) - 1;
            }
        }

        return [.. bytes];
    }
}
