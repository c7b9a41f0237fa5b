using System.Security;
using AuthApi.Tests.Harness;
using AuthApi.Tests.House;

[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: LevelOfParallelism(2)]

namespace AuthApi.Samples.Tests;

/// <summary>
/// What a person has who adopts the packages and has never seen this repository: a folder with nothing above it, the .NET SDK, its usual sources
/// and the packages, as <c>dotnet pack</c> made them, in one more. Packed once for all fixtures.
/// </summary>
[SetUpFixture]
internal sealed class AdoptersMachine
{
    /// <summary>What a person sets who wants no telemetry, and what a process of its own needs to leave none behind.</summary>
    private static readonly Dictionary<string, string> Environment = new(StringComparer.Ordinal);

    private static readonly Dictionary<string, string> Release = new(StringComparer.Ordinal) { ["CI"] = "true" };

    private static DirectoryInfo _folder = null!;

    /// <summary>The folder of an application.</summary>
    public static string FolderOf(string application) => Path.Combine(_folder.FullName, application);

    /// <summary>The version of the packages, which is that of everything here.</summary>
    public static string Version { get; } = typeof(AdoptersMachine).Assembly.GetName().Version!.ToString(3);

    /// <summary>The folder of the packages that were made.</summary>
    public static string Feed => Path.Combine(_folder.FullName, "feed");

    /// <summary>Runs a command to its end.</summary>
    /// <returns>What it wrote on standard output.</returns>
    public static Task<string> RunAsync(string folder, string name, params string[] arguments) => Tool.RunAsync(folder, Environment, name, arguments);

    /// <summary>Runs <c>dotnet ef</c>.</summary>
    public static Task<string> RunEfAsync(string folder, params string[] arguments) =>
        RunAsync(folder, Path.Combine(_folder.FullName, "tools", "dotnet-ef"), arguments);

    [OneTimeSetUp]
    public async Task SetUpAsync()
    {
        _folder = Directory.CreateTempSubdirectory("adopter-");
        for (var above = _folder; above is not null; above = above.Parent)
        {
            Assert.That(above.GetFiles("Directory.*.props"), Is.Empty, "nothing of this repository is in effect here");
        }

        // A package once installed is kept by its version: these go with the folder. What the machine has of others is used.
        var kept = System.Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        Environment["NUGET_PACKAGES"] = Path.Combine(_folder.FullName, "packages");
        Environment["NUGET_FALLBACK_PACKAGES"] = kept;

        // One process builds for all applications. It is known by this value, and ended at the end. Else each command compiles MSBuild for itself again.
        Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "1";
        Environment["MSBUILDDISABLENODEREUSE"] = "0";
        Environment["MSBUILDNODEHANDSHAKESALT"] = _folder.Name;

        // The version of Entity Framework Core that the templates ask for.
        var install = RunAsync(_folder.FullName, "dotnet", "tool", "install", "dotnet-ef", "--version", "10.0.12", "--tool-path", "tools");
        await PackAsync(Path.Combine(_folder.FullName, "source"), Feed);
        await install;
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "nuget.config"), $"""
            <configuration>
              <packageSources>
                <add key="feed" value="{SecurityElement.Escape(Feed)}" />
              </packageSources>
            </configuration>
            """);
    }

    /// <summary>Packs the libraries as a release does, from a copy of their sources.</summary>
    /// <param name="source">Where the copy is made.</param>
    /// <param name="packages">Where the packages go.</param>
    public static async Task PackAsync(string source, string packages)
    {
        var libraries = Directory.GetDirectories(Path.Combine(Repository.Root, "src"), "AuthApi.Sessions*");
        var files = new[] { Repository.Root, Path.Combine(Repository.Root, "src") }.SelectMany(Directory.GetFiles)
            .Concat(libraries.SelectMany(library => Directory.GetFiles(library, "*", SearchOption.AllDirectories)));
        foreach (var file in files.Select(file => Path.GetRelativePath(Repository.Root, file)).Where(file => !file.Split('/', '\\').Any(part => part is "bin" or "obj")))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(source, file))!);
            File.Copy(Path.Combine(Repository.Root, file), Path.Combine(source, file));
        }

        var projects = libraries.Select(library => $"""<Project Path="src/{Path.GetFileName(library)}/{Path.GetFileName(library)}.csproj" />""");
        await File.WriteAllTextAsync(Path.Combine(source, "Libraries.slnx"), $"<Solution>{string.Concat(projects)}</Solution>");

        // Analyzers say nothing that the build of the repository has not said.
        await Tool.RunAsync(source, Release, "dotnet", "pack", "Libraries.slnx", "--output", packages, "--property:RunAnalyzers=false");
    }

    [OneTimeTearDown]
    public async Task TearDownAsync()
    {
        await RunAsync(_folder.FullName, "dotnet", "build-server", "shutdown", "--msbuild");
        _folder.Delete(recursive: true);
    }
}
