using System.IO.Compression;
using System.Security.Cryptography;

namespace AuthApi.Samples.Tests;

/// <summary>The packages that anyone makes of the same source are the same.</summary>
internal sealed class ReproducibleBuildTests
{
    [Test]
    public async Task The_same_source_makes_the_same_packages()
    {
        var folder = AdoptersMachine.FolderOf("again");
        var again = Path.Combine(folder, "packages");

        await AdoptersMachine.PackAsync(Path.Combine(folder, "in", "another", "folder"), again);

        var expected = await HashesAsync(AdoptersMachine.Feed);
        Assert.That(expected.Keys, Has.Some.EndsWith("AuthApi.Sessions.Sqlite.dll").And.Some.EndsWith("AuthApi.Sessions.pdb"));
        Assert.That(await HashesAsync(again), Is.EqualTo(expected));
    }

    // Of each file in each package, by both names.
    private static async Task<Dictionary<string, string>> HashesAsync(string packages)
    {
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var package in Directory.GetFiles(packages))
        {
            await using var file = await ZipFile.OpenReadAsync(package);
            foreach (var entry in file.Entries)
            {
                await using var content = await entry.OpenAsync();
                hashes.Add($"{Path.GetFileName(package)}: {entry.FullName}", Convert.ToHexString(await SHA256.HashDataAsync(content)));
            }
        }

        return hashes;
    }
}
