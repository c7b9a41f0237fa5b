using AuthApi.Tests.House;

namespace AuthApi.Samples.Tests;

/// <summary>An application as its owner has it: made from a template, changed, built and run as a process of its own.</summary>
/// <param name="sample">The name of its folder in <c>tests/AuthApi.Samples</c>.</param>
internal sealed class Application(string sample)
{
    public string Folder { get; } = AdoptersMachine.FolderOf(sample);

    private string Changes { get; } = Path.Combine(Repository.Root, "tests", "AuthApi.Samples", sample);

    /// <summary>Makes it by <c>dotnet new</c>, unchanged.</summary>
    public Task CreateAsync(params string[] template) =>
        DotnetAsync(Path.GetDirectoryName(Folder)!, ["new", .. template, "--name", "Shop", "--output", Folder, "--no-restore"]);

    /// <summary>Copies what its owner has written.</summary>
    public void CopyOwn()
    {
        var own = Path.Combine(Changes, "Own");
        foreach (var file in Directory.GetFiles(own, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(Folder, Path.GetRelativePath(own, file)), overwrite: true);
        }
    }

    /// <summary>Makes the changes of a file of the sample.</summary>
    public void Change(string diff) => Diff.Apply(File.ReadAllText(Path.Combine(Changes, diff)), Folder);

    public Task AddPackageAsync(string package, string version) => DotnetAsync(Folder, "add", "package", package, "--version", version);

    /// <summary>Builds it; a warning is an error, one of NuGet's too.</summary>
    public Task BuildAsync() => DotnetAsync(Folder, "build", "-warnaserror", "-nologo");

    public Task AddMigrationAsync(string name) => AdoptersMachine.RunEfAsync(Folder, "migrations", "add", name, "--no-build");

    public Task UpdateDatabaseAsync() => AdoptersMachine.RunEfAsync(Folder, "database", "update", "--no-build");

    /// <summary>The text of a migration that was added.</summary>
    public string ReadMigration(string name) =>
        File.ReadAllText(Directory.GetFiles(Folder, $"*_{name}.cs", SearchOption.AllDirectories).Single());

    /// <summary>Starts what was built, in Development, and returns when it listens.</summary>
    /// <param name="settings">Settings, as <c>Sessions:CookieName=name</c>.</param>
    public Task<RunningApplication> StartAsync(params string[] settings) =>
        RunningApplication.StartAsync(Folder, Path.Combine("bin", "Debug", "net10.0", "Shop.dll"), settings);

    private static Task<string> DotnetAsync(string folder, params string[] arguments) => AdoptersMachine.RunAsync(folder, "dotnet", arguments);
}
