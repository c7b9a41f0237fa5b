using System.Buffers.Binary;
using System.Buffers.Text;
using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AuthApi.Tests.Harness;

/// <summary>
/// An authenticator with one passkey (ES256, no attestation), and the client around it: it answers options as <c>PublicKeyCredential.toJSON()</c> does. What it lies about is
/// set by a test.
/// </summary>
internal sealed class SoftwareAuthenticator(string origin = "https://localhost", int idLength = 16) : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly byte[] _id = RandomNumberGenerator.GetBytes(idLength);
    private string? _userHandle;

    public string Id => Base64Url.EncodeToString(_id);

    public string Origin { get; set; } = origin;

    /// <summary>The domain that it signs for; by default that of the options.</summary>
    public string? RpId { get; set; }

    /// <summary>How often it was used; <see langword="null"/> for one that does not count, as those that are synchronized.</summary>
    public uint? Counter { get; set; }

    public bool IsUserVerified { get; set; } = true;

    public bool IsUserPresent { get; set; } = true;

    public JsonObject Create(JsonNode options)
    {
        _userHandle = options["user"]!["id"]!.GetValue<string>();
        var clientData = ClientData("webauthn.create", options);
        var data = AuthenticatorData(RpId ?? options["rp"]!["id"]!.GetValue<string>(), isNew: true);
        var writer = new CborWriter(CborConformanceMode.Ctap2Canonical);
        writer.WriteStartMap(3);
        writer.WriteTextString("fmt");
        writer.WriteTextString("none");
        writer.WriteTextString("attStmt");
        writer.WriteStartMap(0);
        writer.WriteEndMap();
        writer.WriteTextString("authData");
        writer.WriteByteString(data);
        writer.WriteEndMap();
        return Credential(new JsonObject
        {
            ["clientDataJSON"] = Base64Url.EncodeToString(clientData),
            ["attestationObject"] = Base64Url.EncodeToString(writer.Encode()),
            ["transports"] = new JsonArray("internal"),
        });
    }

    public JsonObject Get(JsonNode options)
    {
        var clientData = ClientData("webauthn.get", options);
        var data = AuthenticatorData(RpId ?? options["rpId"]!.GetValue<string>(), isNew: false);
        var signature = _key.SignData([.. data, .. SHA256.HashData(clientData)], HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return Credential(new JsonObject
        {
            ["clientDataJSON"] = Base64Url.EncodeToString(clientData),
            ["authenticatorData"] = Base64Url.EncodeToString(data),
            ["signature"] = Base64Url.EncodeToString(signature),
            ["userHandle"] = _userHandle,
        });
    }

    public void Dispose() => _key.Dispose();

    private JsonObject Credential(JsonObject response) => new()
    {
        ["id"] = Id,
        ["rawId"] = Id,
        ["type"] = "public-key",
        ["authenticatorAttachment"] = "platform",
        ["clientExtensionResults"] = new JsonObject(),
        ["response"] = response,
    };

    private byte[] ClientData(string type, JsonNode options) => Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new
    {
        type,
        challenge = options["challenge"]!.GetValue<string>(),
        origin = Origin,
        crossOrigin = false,
    }));

    private byte[] AuthenticatorData(string rpId, bool isNew)
    {
        var counter = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(counter, Counter ?? 0);
        var flags = (byte)((IsUserPresent ? 0x01 : 0) | (IsUserVerified ? 0x04 : 0) | (isNew ? 0x40 : 0));
        byte[] data = [.. SHA256.HashData(Encoding.UTF8.GetBytes(rpId)), flags, .. counter];
        if (!isNew)
        {
            return data;
        }

        var point = _key.ExportParameters(includePrivateParameters: false).Q;
        var writer = new CborWriter(CborConformanceMode.Ctap2Canonical);
        writer.WriteStartMap(5);
        writer.WriteInt32(1);
        writer.WriteInt32(2); // kty: EC2
        writer.WriteInt32(3);
        writer.WriteInt32(-7); // alg: ES256
        writer.WriteInt32(-1);
        writer.WriteInt32(1); // crv: P-256
        writer.WriteInt32(-2);
        writer.WriteByteString(point.X!);
        writer.WriteInt32(-3);
        writer.WriteByteString(point.Y!);
        writer.WriteEndMap();
        return [.. data, .. new byte[16], 0, (byte)_id.Length, .. _id, .. writer.Encode()];
    }
}
