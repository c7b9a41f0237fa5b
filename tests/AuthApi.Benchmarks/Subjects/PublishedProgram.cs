using System.Diagnostics;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>Publishes programs of this repository from a copy of it, so that its own build stays as it is.</summary>
internal static class PublishedProgram
{
    /// <summary>Copies the sources that are needed, and returns the folder.</summary>
    public static string CopySource(string folder)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "AuthApi.sln")))
        {
            root = root.Parent ?? throw new InvalidOperationException("This program does not lie in its repository.");
        }

        foreach (var file in root.GetFiles())
        {
            file.CopyTo(Path.Combine(folder, file.Name));
        }

        CopyFolder(new DirectoryInfo(Path.Combine(root.FullName, "src")), Path.Combine(folder, "src"));
        CopyFolder(new DirectoryInfo(Path.Combine(root.FullName, "tests", "AuthApi.Benchmarks")), Path.Combine(folder, "tests", "AuthApi.Benchmarks"));
        return folder;
    }

    /// <exception cref="InvalidOperationException">It cannot be published.</exception>
    public static async Task PublishAsync(string project, string output, params string[] more)
    {
        // Without a build server that would run on.
        var info = new ProcessStartInfo("dotnet", ["publish", project, "-c", "Release", "-o", output, "--nologo", "--disable-build-servers", .. more])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = Path.GetDirectoryName(project),
        };
        using var process = Process.Start(info)!;
        var written = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"It could not be published: {written}");
        }
    }

    private static void CopyFolder(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in from.GetFiles())
        {
            file.CopyTo(Path.Combine(to, file.Name));
        }

        foreach (var folder in from.GetDirectories().Where(folder => folder.Name is not ("bin" or "obj")))
        {
            CopyFolder(folder, Path.Combine(to, folder.Name));
        }
    }
}
