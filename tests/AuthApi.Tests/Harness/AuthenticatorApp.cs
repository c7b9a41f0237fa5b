using AuthApi.Factors;

namespace AuthApi.Tests.Harness;

/// <summary>An authenticator app: it computes the codes of a key that was typed, by the clock of a test.</summary>
internal sealed class AuthenticatorApp(string sharedKey, TimeProvider time)
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    private readonly byte[] _key = FromBase32(sharedKey);

    /// <summary>The code of now, or of a time step before or after it.</summary>
    public string Code(int step = 0) => TimeStepCode.Compute(_key, TimeStepCode.StepAt(time.GetUtcNow()) + step);

    /// <summary>Six digits that are no code of the three steps around now.</summary>
    public string WrongCode() => Enumerable.Range(0, 10).Select(digit => new string((char)('0' + digit), 6)).First(code => code != Code(-1) && code != Code() && code != Code(1));

    private static byte[] FromBase32(string text)
    {
        var (bytes, buffer, bits) = (new List<byte>(), 0, 0);
        foreach (var character in text)
        {
            buffer = ((buffer << 5) | Alphabet.IndexOf(character, StringComparison.Ordinal)) & 0xFFFF;
            bits += 5;
            if (bits >= 8)
            {
                bits -= 8;
                bytes.Add((byte)(buffer >> bits));
            }
        }

        return [.. bytes];
    }
}
