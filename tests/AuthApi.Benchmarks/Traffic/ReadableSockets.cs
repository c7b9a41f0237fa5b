using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>
/// Waits for sockets that can be read, by Linux's epoll as wrk does. <see cref="Socket.Select(System.Collections.IList?, System.Collections.IList?, System.Collections.IList?, TimeSpan)"/>
/// would pass all sockets to the system at each wait.
/// </summary>
internal sealed partial class ReadableSockets : IDisposable
{
    private const int MaxAtOnce = 256;
    private const int Add = 1;
    private const int Delete = 2;
    private const int Interrupted = 4;
    private const uint Readable = 1;

    // The system's structure is packed on x64 alone: the events, and eight bytes of one's own.
    private static readonly int DataAt = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int Size = DataAt + sizeof(long);

    private readonly int _descriptor;
    private readonly byte[] _events = new byte[MaxAtOnce * Size];

    /// <param name="sockets">The sockets.</param>
    /// <exception cref="Win32Exception">The system refused.</exception>
    public ReadableSockets(IReadOnlyList<Socket> sockets)
    {
        _descriptor = Check(Create(flags: 0));
        var description = new byte[Size];
        for (var i = 0; i < sockets.Count; i++)
        {
            BitConverter.TryWriteBytes(description, Readable);
            BitConverter.TryWriteBytes(description.AsSpan(DataAt), (long)i);
            Check(Control(_descriptor, Add, sockets[i].SafeHandle, description));
        }
    }

    /// <summary>Waits until a socket can be read.</summary>
    /// <returns>How many can be; 0 if none could be for so long.</returns>
    /// <exception cref="Win32Exception">The system refused.</exception>
    public int Wait(TimeSpan limit)
    {
        int count;
        do
        {
            count = Wait(_descriptor, _events, MaxAtOnce, (int)limit.TotalMilliseconds);
        }
        while (count < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        return Check(count);
    }

    /// <summary>Waits for this one no longer.</summary>
    /// <exception cref="Win32Exception">The system refused.</exception>
    public void Remove(Socket socket) => Check(Control(_descriptor, Delete, socket.SafeHandle, new byte[Size]));

    /// <summary>Which socket is the <paramref name="i"/>th of those that can be read: its index in the list.</summary>
    public int this[int i] => (int)BitConverter.ToInt64(_events, (i * Size) + DataAt);

    public void Dispose() => _ = Close(_descriptor);

    private static int Check(int result) => result >= 0 ? result : throw new Win32Exception();

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int Create(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int Control(int epoll, int operation, SafeHandle socket, byte[] description);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int Wait(int epoll, byte[] events, int max, int milliseconds);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
