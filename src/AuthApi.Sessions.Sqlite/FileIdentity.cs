using System.Runtime.InteropServices;
using System.Text;

namespace AuthApi.Sessions.Sqlite;

/// <summary>Which file lies at a path: its device and inode, which a file keeps when it is renamed and no other file has at the same time.</summary>
/// <remarks>
/// Linux only, by <c>statx(2)</c>, whose structure is the same on every processor. Windows lets nobody replace a file that is open. Elsewhere all that is
/// known is whether there is a file.
/// </remarks>
internal readonly record struct FileIdentity(ulong Device, ulong Inode)
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint InodeMask = 0x100; // STATX_INO

    /// <returns><see langword="null"/> when there is no file, or it cannot be looked at.</returns>
    public static FileIdentity? Of(FilePath path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return File.Exists(path.Text) ? default(FileIdentity) : null;
        }

        return statx(CurrentDirectory, path.Utf8, flags: 0, InodeMask, out var found) == 0
            ? new FileIdentity((ulong)found.DeviceMajor << 32 | found.DeviceMinor, found.Inode)
            : null;
    }

    [DllImport("libc", ExactSpelling = true)]
    private static extern int statx(int directory, byte[] path, int flags, uint mask, out Status status);

    // struct statx of linux/stat.h
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }
}

/// <summary>A path, also as the system takes it.</summary>
internal sealed class FilePath(string text)
{
    public string Text => text;

    public byte[] Utf8 { get; } = Encoding.UTF8.GetBytes(text + '\0');
}
