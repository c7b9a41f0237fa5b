using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace AuthApi.Factors;

/// <summary>The codes of authenticator apps (RFC 6238 with SHA-1, six digits and steps of 30 seconds, the one kind that every app knows).</summary>
internal static class TimeStepCode
{
    public const int Digits = 6;

    public const int StepSeconds = 30;

    /// <summary>The size of a key in bytes (RFC 4226, 4, R6).</summary>
    public const int KeySize = 20;

    private const string Base32Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    public static long StepAt(DateTimeOffset time) => time.ToUnixTimeSeconds() / StepSeconds;

    /// <summary>When a step begins.</summary>
    public static DateTimeOffset TimeOf(long step) => DateTimeOffset.FromUnixTimeSeconds(step * StepSeconds);

    /// <summary>The code of a step, six digits (RFC 4226, 5.3).</summary>
    public static string Compute(ReadOnlySpan<byte> key, long step)
    {
        Span<byte> counter = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
        Span<byte> hash = stackalloc byte[HMACSHA1.HashSizeInBytes];
#pragma warning disable CA5350 // What apps compute. A collision of SHA-1 is no attack on an HMAC.
        HMACSHA1.HashData(key, counter, hash);
#pragma warning restore CA5350
        var number = BinaryPrimitives.ReadInt32BigEndian(hash[(hash[^1] & 0xF)..]) & int.MaxValue;
        return (number % 1_000_000).ToString("D6", CultureInfo.InvariantCulture);
    }

    /// <summary>The six digits of a code, which people also type with spaces; <see langword="null"/> if this is none.</summary>
    public static string? Normalize(string text)
    {
        var code = text.Replace(" ", "", StringComparison.Ordinal);
        return code.Length == Digits && code.All(char.IsAsciiDigit) ? code : null;
    }

    /// <summary>A key as apps take it: base 32 without padding (RFC 4648, 6).</summary>
    public static string ToBase32(ReadOnlySpan<byte> key)
    {
        var text = new char[(key.Length * 8 + 4) / 5];
        var (buffer, bits, length) = (0, 0, 0);
        foreach (var value in key)
        {
            buffer = (buffer << 8) | value;
            for (bits += 8; bits >= 5; bits -= 5)
            {
                text[length++] = Base32Alphabet[(buffer >> (bits - 5)) & 0x1F];
            }
        }

        if (bits > 0)
        {
            text[length] = Base32Alphabet[(buffer << (5 - bits)) & 0x1F];
        }

        return new string(text);
    }
}
