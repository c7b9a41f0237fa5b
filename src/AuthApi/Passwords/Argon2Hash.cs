using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using NSec.Cryptography;

namespace AuthApi.Passwords;

/// <summary>
/// A stored Argon2id hash with its parameters, as PHC's string format has it:
/// <c>$argon2id$v=19$m=19456,t=2,p=1$salt$hash</c>, in Base64 without padding (RFC 9106; the C implementation's encoding).
/// </summary>
internal sealed partial record Argon2Hash(int MemoryKiB, int Passes, byte[] Salt, byte[] Hash)
{
    /// <summary>The maximum that is computed: what is stored cannot take all of a machine's memory.</summary>
    public const int MaxMemoryKiB = 1_048_576;

    /// <summary>The maximum that is computed.</summary>
    public const int MaxPasses = 100;

    // NSec takes salts of this length only; it is also what RFC 9106, 3.1 recommends.
    private const int SaltLength = 16;
    private const int HashLength = 32;
    private const int Lanes = 1;

    /// <summary>Hashes a password with a new salt.</summary>
    public static Argon2Hash Create(string password, int memoryKiB, int passes)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        return new Argon2Hash(memoryKiB, passes, salt, Derive(password, memoryKiB, passes, salt, HashLength));
    }

    /// <summary>Reads a stored hash; <see langword="null"/> if it is not one, or not one that can be computed here.</summary>
    public static Argon2Hash? Parse(string text) => Format().Match(text) is { Success: true } match
        && Number(match.Groups["memory"]) is >= 8 and <= MaxMemoryKiB and var memoryKiB
        && Number(match.Groups["passes"]) is >= 1 and <= MaxPasses and var passes
        && Bytes(match.Groups["salt"]) is { Length: SaltLength } salt
        && Bytes(match.Groups["hash"]) is { Length: >= 16 and <= 64 } hash
            ? new Argon2Hash(memoryKiB, passes, salt, hash)
            : null;

    /// <summary>Whether this is the password's hash. Compares in constant time (ASVS 11.2.4).</summary>
    public bool Verify(string password) =>
        CryptographicOperations.FixedTimeEquals(Derive(password, MemoryKiB, Passes, Salt, Hash.Length), Hash);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"$argon2id$v=19$m={MemoryKiB},t={Passes},p={Lanes}${Unpadded(Salt)}${Unpadded(Hash)}");

    private static byte[] Derive(string password, int memoryKiB, int passes, byte[] salt, int length)
    {
        var bytes = Encoding.UTF8.GetBytes(password);
        try
        {
            var parameters = new Argon2Parameters { DegreeOfParallelism = Lanes, MemorySize = memoryKiB, NumberOfPasses = passes };
            return PasswordBasedKeyDerivationAlgorithm.Argon2id(parameters).DeriveBytes(bytes, salt, length);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static int Number(Group group) => int.TryParse(group.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private static byte[]? Bytes(Group group)
    {
        var padded = group.Value + new string('=', (4 - (group.Length % 4)) % 4);
        return Base64.IsValid(padded) ? Convert.FromBase64String(padded) : null;
    }

    private static string Unpadded(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    [GeneratedRegex(@"^\$argon2id\$v=19\$m=(?<memory>\d+),t=(?<passes>\d+),p=1\$(?<salt>[A-Za-z0-9+/]+)\$(?<hash>[A-Za-z0-9+/]+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Format();
}
