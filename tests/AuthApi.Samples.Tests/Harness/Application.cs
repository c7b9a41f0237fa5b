using System.Text.RegularExpressions;
using AuthApi.Tests.House;

namespace AuthApi.Samples.Tests;

/// <summary>An application as its owner has it: made from a template, changed, built and run as a process of its own.</summary>
/// <param name="sample">The name of its folder in <c>tests/AuthApi.Samples</c>.</param>
internal sealed partial class Application(string sample)
{
    public string Folder { get; private init; } = AdoptersMachine.FolderOf(sample);

    // What is its own, and what all samples have.
    private string[] Changes { get; } = [Path.Combine(Samples, sample), Samples];

    private static string Samples => Path.Combine(Repository.Root, "tests", "AuthApi.Samples");

    /// <summary>Makes it by <c>dotnet new</c>, unchanged.</summary>
    public Task CreateAsync(params string[] template) =>
        DotnetAsync(Path.GetDirectoryName(Folder)!, ["new", .. template, "--name", "Shop", "--output", Folder, "--no-restore"]);

    /// <summary>Copies it as it is, with what was built and its database.</summary>
    public Application CopyTo(string name)
    {
        var copy = new Application(sample) { Folder = AdoptersMachine.FolderOf(name) };
        foreach (var file in Directory.GetFiles(Folder, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(copy.Folder, Path.GetRelativePath(Folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return copy;
    }

    /// <summary>Copies what its owner has written.</summary>
    public void CopyOwn()
    {
        foreach (var own in Changes.Select(changes => Path.Combine(changes, "Own")).Where(Directory.Exists))
        {
            foreach (var file in Directory.GetFiles(own, "*", SearchOption.AllDirectories))
            {
                File.Copy(file, Path.Combine(Folder, Path.GetRelativePath(own, file)), overwrite: true);
            }
        }
    }

    /// <summary>Makes the changes of a file.</summary>
    public void Change(string diff) => Diff.Apply(Read(diff), Folder);

    /// <summary>Undoes the changes of a file.</summary>
    public void Revert(string diff) => Diff.Revert(Read(diff), Folder);

    public Task AddPackageAsync(string package, string version) => DotnetAsync(Folder, "add", "package", package, "--version", version);

    public Task RemovePackageAsync(string package) => DotnetAsync(Folder, "remove", "package", package);

    /// <summary>Builds it; a warning is an error, one of NuGet's too.</summary>
    public Task BuildAsync() => DotnetAsync(Folder, "build", "-warnaserror", "-nologo");

    /// <summary>Adds a migration and builds the application with it.</summary>
    public async Task AddMigrationAsync(string name)
    {
        await AdoptersMachine.RunEfAsync(Folder, "migrations", "add", name, "--no-build");
        await DotnetAsync(Folder, "build", "-warnaserror", "-nologo", "--no-restore");
    }

    public Task UpdateDatabaseAsync() => AdoptersMachine.RunEfAsync(Folder, "database", "update", "--no-build");

    /// <summary>What a migration that was added does, then how it is undone: each call and the name of its table or index.</summary>
    public IEnumerable<string> ReadChanges(string migration) =>
        MigrationCalls().Matches(File.ReadAllText(Directory.GetFiles(Folder, $"*_{migration}.cs", SearchOption.AllDirectories).Single()))
            .Select(match => $"{match.Groups[1]} {match.Groups[2]}");

    /// <summary>Starts what was built, in Development, and returns when it listens.</summary>
    /// <param name="settings">Settings, as <c>Sessions:CookieName=name</c>.</param>
    public Task<RunningApplication> StartAsync(params string[] settings) =>
        RunningApplication.StartAsync(Folder, Path.Combine("bin", "Debug", "net10.0", "Shop.dll"), settings);

    private string Read(string diff) => File.ReadAllText(Changes.Select(changes => Path.Combine(changes, diff)).First(File.Exists));

    private static Task<string> DotnetAsync(string folder, params string[] arguments) => AdoptersMachine.RunAsync(folder, "dotnet", arguments);

    [GeneratedRegex("""migrationBuilder\.(\w+)\(\s*name: "(\w+)"[,)]""")]
    private static partial Regex MigrationCalls();
}
