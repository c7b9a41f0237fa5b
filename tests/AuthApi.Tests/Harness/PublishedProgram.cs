using System.Globalization;
using System.Reflection;
using AuthApi.Tests.House;

namespace AuthApi.Tests.Harness;

/// <summary>
/// The program as <c>dotnet publish</c> makes it of what was built, compiled ahead of time for this machine, which halves each start. It is made once for all test
/// projects, and again after another build or change of the documents.
/// </summary>
internal static class PublishedProgram
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private static readonly Lazy<Task<string>> Folder = new(MakeAsync);

    /// <summary>The folder that it lies in, which a test leaves as it is.</summary>
    public static Task<string> FolderAsync() => Folder.Value;

    /// <summary>The file that <c>dotnet</c> runs.</summary>
    public static async Task<string> FileAsync() => Path.Combine(await FolderAsync(), "AuthApi.dll");

    private static async Task<string> MakeAsync()
    {
        var configuration = typeof(Program).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        var project = Path.Combine(Repository.Root, "src", "AuthApi");
        var folder = Path.Combine(project, "bin", configuration, "published");
        var built = Describe(Directory.GetFiles(Path.Combine(project, "bin", configuration, Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)))))
            + Describe(Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*", SearchOption.AllDirectories));
        await using var turn = await WaitForTurnAsync(folder + ".lock");
        var made = folder + ".of";
        if (!File.Exists(made) || await File.ReadAllTextAsync(made) != built)
        {
            File.Delete(made);
            if (Directory.Exists(folder))
            {
                // Not written over: programs of another run may have these files mapped.
                Directory.Delete(folder, recursive: true);
            }

            await PublishAsync(project, configuration, folder);
            await File.WriteAllTextAsync(made, built);
        }

        return folder;
    }

    private static Task<string> PublishAsync(string project, string configuration, string folder)
    {
        string[] ahead = typeof(PublishedProgram).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(one => one.Key == "AheadOfTime")?.Value is { Length: > 0 } machine
            ? [$"-p:RuntimeIdentifier={machine}", "-p:AppendRuntimeIdentifierToOutputPath=false", "--no-self-contained"]
            : ["-p:PublishReadyToRun=false"];
        return Tool.RunAsync(project, "dotnet", ["publish", "--no-build", "--configuration", configuration, "--output", folder, .. ahead]);
    }

    private static string Describe(IEnumerable<string> files) => string.Join('\n', files
        .Where(file => Path.GetExtension(file) is ".dll" or ".json" or ".md")
        .Select(file => new FileInfo(file))
        .Select(file => string.Create(CultureInfo.InvariantCulture, $"{file.Name} {file.Length} {file.LastWriteTimeUtc:O}"))
        .Order(StringComparer.Ordinal));

    // Another test project may be making it.
    private static async Task<FileStream> WaitForTurnAsync(string path)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(100, patience.Token);
            }
        }
    }
}
