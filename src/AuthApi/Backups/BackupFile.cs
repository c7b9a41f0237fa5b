using AuthApi.Startup;

namespace AuthApi.Backups;

/// <summary>A file with a copy of the database.</summary>
internal static class BackupFile
{
    /// <summary>Makes an empty file that its owner alone can read.</summary>
    /// <exception cref="CommandException">It is there already, or cannot be made.</exception>
    public static void Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            new FileStream(path, options).Dispose();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{path} cannot be made: {exception.Message}");
        }
    }

    /// <summary>Whether a file begins with these bytes.</summary>
    /// <exception cref="CommandException">It is not there, or cannot be read.</exception>
    public static bool BeginsWith(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            using var file = File.OpenRead(path);
            Span<byte> read = stackalloc byte[bytes.Length];
            return file.ReadAtLeast(read, read.Length, throwOnEndOfStream: false) == bytes.Length && read.SequenceEqual(bytes);
        }
        catch (FileNotFoundException)
        {
            throw new CommandException($"{path} is not there.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{path} cannot be read: {exception.Message}");
        }
    }
}
