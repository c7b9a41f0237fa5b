using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthApi.Tests.Harness;

/// <summary>A self-signed certificate with an RSA key, in PEM files.</summary>
internal static class TestCertificate
{
    public static (string Path, string KeyPath) Create(string folder, string name)
    {
        using var rsa = RSA.Create(2048);
        using var certificate = new CertificateRequest($"CN={name}", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2060, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var (path, keyPath) = (Path.Combine(folder, $"{name}.pem"), Path.Combine(folder, $"{name}.key"));
        File.WriteAllText(path, certificate.ExportCertificatePem());
        File.WriteAllText(keyPath, rsa.ExportPkcs8PrivateKeyPem());
        return (path, keyPath);
    }
}
