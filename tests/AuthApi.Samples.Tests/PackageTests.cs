using System.IO.Compression;
using System.Xml.Linq;

namespace AuthApi.Samples.Tests;

/// <summary>What a package says of itself and brings with it.</summary>
[TestFixture("AuthApi.Sessions")]
[TestFixture("AuthApi.Sessions.Sqlite")]
[TestFixture("AuthApi.Sessions.PostgreSql")]
internal sealed class PackageTests(string package)
{
    [Test]
    public async Task Has_a_readme_a_licence_and_documented_code()
    {
        using var file = await ZipFile.OpenReadAsync(Path.Combine(AdoptersMachine.Feed, $"{package}.{AdoptersMachine.Version}.nupkg"));
        var metadata = await ReadMetadataAsync(file);

        Assert.That(
            file.Entries.Select(entry => entry.FullName),
            Is.SupersetOf(new[] { "README.md", $"lib/net10.0/{package}.dll", $"lib/net10.0/{package}.xml" }));
        Assert.That(metadata["license"], Is.EqualTo("MIT"));
        Assert.That(metadata["readme"], Is.EqualTo("README.md"));
        Assert.That(metadata["description"], Is.Not.Empty);
        Assert.That(metadata["tags"], Does.Contain("identity"));
    }

    [Test]
    public async Task Has_symbols()
    {
        using var file = await ZipFile.OpenReadAsync(Path.Combine(AdoptersMachine.Feed, $"{package}.{AdoptersMachine.Version}.snupkg"));

        Assert.That(file.Entries.Select(entry => entry.FullName), Does.Contain($"lib/net10.0/{package}.pdb"));
    }

    private static async Task<Dictionary<string, string>> ReadMetadataAsync(ZipArchive file)
    {
        await using var stream = await file.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).OpenAsync();
        var document = await XDocument.LoadAsync(stream, LoadOptions.None, CancellationToken.None);
        return document.Root!.Elements().Single().Elements().Where(element => !element.HasElements).ToDictionary(element => element.Name.LocalName, element => element.Value, StringComparer.Ordinal);
    }
}
