using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace AuthApi.FaultTests.Harness;

/// <summary>The managed heap of a program that serves its metrics, as a full collection leaves it.</summary>
internal static class ManagedHeap
{
    // https://github.com/dotnet/diagnostics/blob/main/documentation/design-docs/ipc-protocol.md
    private const string Magic = "DOTNET_IPC_V1\0";
    private const byte EventPipe = 2;
    private const byte CollectTracing = 2;
    private const byte Accepted = 0;

    // To listen to it is to collect (GCHeapCollectKeyword).
    private const long Collect = 0x800000;
    private const int Informational = 4;
    private const int NetTrace = 1;
    private const int BufferMegabytes = 1;

    /// <summary>Collects all garbage.</summary>
    /// <returns>The bytes that are in use, and those that a part of the heap holds without using them.</returns>
    public static async Task<(long InUse, long Unused)> CollectAsync(RunningProgram program)
    {
        var before = await CountAsync(program);

        // Of a process that was killed, whose id was the same, another may have stayed: the name has the time of the start too, as the kernel counts.
        var startedAt = (await File.ReadAllTextAsync($"/proc/{program.Id}/stat")).Split(") ")[^1].Split(' ')[19];
        var path = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"dotnet-diagnostic-{program.Id}-{startedAt}-socket"));
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        await socket.SendAsync(Request());
        var answer = new byte[4 * 1024];
        Assert.That(await socket.ReceiveAsync(answer), Is.GreaterThan(Magic.Length + 3));
        Assert.That(answer[Magic.Length + 3], Is.EqualTo(Accepted), "the runtime takes the command");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await CountAsync(program) == before)
        {
            await Task.Delay(10, patience.Token);
        }

        var size = await Metrics.ReadAsync(program.Address, "dotnet_gc_last_collection_heap_size_bytes{");
        var unused = await Metrics.ReadAsync(program.Address, "dotnet_gc_last_collection_heap_fragmentation_size_bytes{");
        return ((long)(size - unused), (long)unused);
    }

    private static Task<double> CountAsync(RunningProgram program) => Metrics.ReadAsync(program.Address, "dotnet_gc_collections_total{gc_heap_generation=\"gen2\"}");

    private static byte[] Request()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.Unicode);
        writer.Write(Encoding.ASCII.GetBytes(Magic));
        writer.Write((ushort)0); // the size of it all, below
        writer.Write(EventPipe);
        writer.Write(CollectTracing);
        writer.Write((ushort)0);
        writer.Write(BufferMegabytes);
        writer.Write(NetTrace);
        writer.Write(1); // provider
        writer.Write(Collect);
        writer.Write(Informational);
        Write("Microsoft-Windows-DotNETRuntime");
        Write("");
        writer.Flush();
        var bytes = stream.ToArray();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(Magic.Length), (ushort)bytes.Length);
        return bytes;

        void Write(string text)
        {
            writer.Write(text.Length + 1);
            writer.Write(Encoding.Unicode.GetBytes(text + "\0"));
        }
    }
}
