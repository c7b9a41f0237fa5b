using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Xml;
using System.Xml.Linq;
using AuthApi.Sessions.Sqlite;
using AuthApi.Startup;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthApi.Storage;

/// <summary>The configuration section <c>DataProtection</c>: the certificate that encrypts the keys of Data Protection.</summary>
public sealed class KeyRingOptions
{
    public const string Section = "DataProtection";

    /// <summary>A PEM file with a certificate that has an RSA key. Without one the keys are stored in clear.</summary>
    public string? CertificatePath { get; set; }

    /// <summary>A PEM file with its private key.</summary>
    public string? CertificateKeyPath { get; set; }

    /// <summary>The certificate before that one, by which older keys are still read.</summary>
    public string? PreviousCertificatePath { get; set; }

    /// <summary>A PEM file with the private key of that one.</summary>
    public string? PreviousCertificateKeyPath { get; set; }
}

/// <summary>
/// Keeps the keys of Data Protection in a folder beside the SQLite file, or in a table of the PostgreSQL database, which all nodes share. They encrypt the keys of
/// authenticator apps. No session depends on them.
/// </summary>
public static partial class KeyRing
{
    /// <summary>The folder, beside the SQLite file.</summary>
    internal const string Folder = "keys";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <exception cref="ConfigurationException">A certificate cannot be read or used.</exception>
    public static IServiceCollection AddKeyRing(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddKnownKeys<KeyRingOptions>(KeyRingOptions.Section);
        var builder = services.AddDataProtection().SetApplicationName("AuthApi");
        if (DatabaseOptions.Of(configuration).Provider == DatabaseOptions.PostgreSql)
        {
            builder.PersistKeysToDbContext<PostgreSqlAuthDbContext>();
        }
        else
        {
            services.AddOptions<KeyManagementOptions>().Configure<SqliteDatabase, ILoggerFactory>((options, database, logging) =>
                options.XmlRepository = new SyncedKeys(CreateFolder(Path.GetDirectoryName(database.Path)!, logging), logging));
        }

        UseCertificates(builder, configuration);
        return services;
    }

    /// <summary>Reads the keys in a folder, with the configured certificates. Nothing is written there.</summary>
    /// <returns>Each key, and whether it can be decrypted.</returns>
    /// <exception cref="ConfigurationException">A certificate cannot be read or used.</exception>
    internal static IReadOnlyDictionary<Guid, bool> ReadFolder(string folder, IConfiguration configuration)
    {
        var services = new ServiceCollection();
        UseCertificates(services.AddDataProtection(), configuration);
        services.Configure<KeyManagementOptions>(options => options.XmlRepository = new FileSystemXmlRepository(new DirectoryInfo(folder), NullLoggerFactory.Instance));
        using var provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IKeyManager>().GetAllKeys().ToDictionary(key => key.KeyId, CanBeDecrypted);
    }

    private static bool CanBeDecrypted(IKey key)
    {
        try
        {
            return key.CreateEncryptor() is not null;
        }
        catch (Exception exception) when (exception is CryptographicException or XmlException)
        {
            return false;
        }
    }

    private static void UseCertificates(IDataProtectionBuilder builder, IConfiguration configuration)
    {
        var options = configuration.GetSection(KeyRingOptions.Section).Get<KeyRingOptions>() ?? new();
        if (Read(nameof(options.CertificatePath), options.CertificatePath, nameof(options.CertificateKeyPath), options.CertificateKeyPath) is { } certificate)
        {
            builder.ProtectKeysWithCertificate(certificate);
        }

        if (Read(nameof(options.PreviousCertificatePath), options.PreviousCertificatePath, nameof(options.PreviousCertificateKeyPath), options.PreviousCertificateKeyPath) is { } previous)
        {
            builder.UnprotectKeysWithAnyCertificate(previous);
        }
    }

    /// <summary>Makes sure that the keys in the folder beside the SQLite file can be read, and that more can be added. Data Protection itself only logs where they cannot.</summary>
    /// <exception cref="IOException">They cannot.</exception>
    /// <exception cref="UnauthorizedAccessException">This user may not.</exception>
    internal static void CheckFolder(string databaseFolder)
    {
        var folder = new DirectoryInfo(Path.Combine(databaseFolder, Folder));
        if (!folder.Exists)
        {
            return; // made with the first key
        }

        foreach (var key in folder.EnumerateFiles("*.xml"))
        {
            key.OpenRead().Dispose();
        }

        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Options = FileOptions.DeleteOnClose };
        new FileStream(Path.Combine(folder.FullName, ".check"), options).Dispose();
    }

    private static X509Certificate2? Read(string name, string? path, string keyName, string? keyPath)
    {
        if (string.IsNullOrEmpty(path))
        {
            return string.IsNullOrEmpty(keyPath) ? null : throw new ConfigurationException($"{KeyRingOptions.Section}:{keyName}", $"is set, and {KeyRingOptions.Section}:{name} is not.");
        }

        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(path, string.IsNullOrEmpty(keyPath) ? null : keyPath);
            return certificate.GetRSAPrivateKey() is not null
                ? certificate
                : throw new ConfigurationException($"{KeyRingOptions.Section}:{name}", $"has '{path}', whose key is not of RSA, which Data Protection needs.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new ConfigurationException($"{KeyRingOptions.Section}:{name}", $"cannot be used with its private key: {exception.Message}");
        }
    }

    private static DirectoryInfo CreateFolder(string databaseFolder, ILoggerFactory logging)
    {
        var path = Path.Combine(databaseFolder, Folder);
        if (OperatingSystem.IsWindows())
        {
            return Directory.CreateDirectory(path);
        }

        var folder = Directory.CreateDirectory(path, OwnerOnly);
        if ((folder.UnixFileMode & ~OwnerOnly) != 0)
        {
            Log.FolderIsOpenToOthers(logging.CreateLogger(typeof(KeyRing).FullName!), path);
        }

        return folder;
    }

    /// <summary>Keys in a folder, which are on the disk before they encrypt anything: by default one that was just made is empty after the power failed.</summary>
    private sealed class SyncedKeys(DirectoryInfo folder, ILoggerFactory logging) : FileSystemXmlRepository(folder, logging)
    {
        public override void StoreElement(XElement element, string friendlyName)
        {
            base.StoreElement(element, friendlyName);
            foreach (var file in Directory.EnumerateFiles("*.xml"))
            {
                using var stream = file.Open(FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
                stream.Flush(flushToDisk: true);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(105, LogLevel.Warning, "{Path} can be read by others than its owner; it should have mode 0700. It has the keys that encrypt those of authenticator apps.")]
        public static partial void FolderIsOpenToOthers(ILogger logger, string path);
    }
}
