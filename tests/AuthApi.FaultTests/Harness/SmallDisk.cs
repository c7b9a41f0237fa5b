using System.Globalization;

namespace AuthApi.FaultTests.Harness;

/// <summary>A file system of a few megabytes in a file, which can be filled and broken. To mount it takes the rights of root.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private readonly TemporaryFolder _folder;

    private SmallDisk(TemporaryFolder folder) => _folder = folder;

    /// <summary>Where it is mounted.</summary>
    public string Path => System.IO.Path.Combine(_folder.Path, "disk");

    private string Image => System.IO.Path.Combine(_folder.Path, "image");

    private string Filler => System.IO.Path.Combine(Path, "filler");

    /// <summary>Makes one; skips the test where it cannot be mounted.</summary>
    public static async Task<SmallDisk> MountAsync(int megabytes)
    {
        var disk = new SmallDisk(new TemporaryFolder());
        try
        {
            Directory.CreateDirectory(disk.Path);
            await Tool.RunAsync("/", "truncate", "-s", string.Create(CultureInfo.InvariantCulture, $"{megabytes}M"), disk.Image);
            await Tool.RunAsync("/", "mkfs.ext4", "-q", "-m", "0", disk.Image);
            await disk.MountAsync();
        }
        catch (Exception exception) when (exception is ToolFailedException or System.ComponentModel.Win32Exception)
        {
            disk._folder.Dispose();
            Needs.Missing($"the right to mount a file system ({exception.Message.Split('\n')[0]})");
        }

        return disk;
    }

    /// <summary>Leaves no byte free.</summary>
    public void Fill()
    {
        // Without a buffer, which would be written at the end once more.
        using var filler = new FileStream(Filler, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1);
        var block = new byte[1_024];
        try
        {
            while (true)
            {
                filler.Write(block);
            }
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    public void Free() => File.Delete(Filler);

    /// <summary>Makes it read-only under the files that are open, as the kernel does when it finds an error.</summary>
    public Task BreakAsync() => Tool.RunAsync("/", "mount", "-o", "remount,abort", Path);

    /// <summary>Repairs it and mounts it again, when no file on it is open.</summary>
    public async Task RepairAsync()
    {
        await Tool.RunAsync("/", "umount", Path);

        // It ends with 1 where it has mended something.
        await Tool.RunAsync("/", "bash", "-c", "e2fsck -fy \"$1\" || [ $? -eq 1 ]", "bash", Image);
        await MountAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Tool.RunAsync("/", "umount", "--lazy", Path);
        _folder.Dispose();
    }

    private Task<string> MountAsync() => Tool.RunAsync("/", "mount", "-o", "loop", Image, Path);
}
