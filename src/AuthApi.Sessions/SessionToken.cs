using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace AuthApi.Sessions;

/// <summary>
/// The secret that a client holds: 256 bits from the system's random generator (ASVS 7.2.3), written as 43 characters of
/// base64url. The server keeps only its <see cref="Hash"/>. It never shows itself in a log or a debugger;
/// <see cref="Reveal"/> is called where it is handed to its client, and nowhere else.
/// </summary>
[DebuggerDisplay("SessionToken")]
public readonly struct SessionToken
{
    /// <summary>The length of the token as text, in characters.</summary>
    public const int TextLength = 43;

    // 43 characters carry 258 bits: the last one has two to spare, which must be zero, or one token had four spellings.
    private const string LastCharacters = "AEIMQUYcgkosw048";

    private readonly Bits _bits;

    private SessionToken(Bits bits) => _bits = bits;

    /// <summary>The SHA-256 of the token's 32 bytes: what is stored and looked up.</summary>
    public TokenHash Hash => TokenHash.Of(_bits);

    /// <summary>Makes a token that has never been before.</summary>
    public static SessionToken Create()
    {
        var bits = new Bits();
        RandomNumberGenerator.Fill(bits);
        return new SessionToken(bits);
    }

    /// <summary>Reads a token as <see cref="Reveal"/> writes it. Padding, white space and any other spelling are refused.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out SessionToken token)
    {
        token = default;
        if (text.Length != TextLength || !LastCharacters.Contains(text[^1], StringComparison.Ordinal))
        {
            return false;
        }

        var bits = new Bits();
        if (Base64Url.DecodeFromChars(text, bits, out _, out var length) != OperationStatus.Done || length != TokenHash.Size)
        {
            return false;
        }

        token = new SessionToken(bits);
        return true;
    }

    /// <summary>The token as its client sends it: 43 characters of base64url.</summary>
    public string Reveal() => Base64Url.EncodeToString(_bits);

    /// <summary>Says nothing of the token.</summary>
    public override string ToString() => nameof(SessionToken);

    [InlineArray(TokenHash.Size)]
    private struct Bits
    {
        private byte _first;
    }
}
