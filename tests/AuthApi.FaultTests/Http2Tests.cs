using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>Floods of HTTP/2 frames: who floods is cut off, and the logouts of others go on.</summary>
[NonParallelizable]
internal sealed class Http2Tests
{
    private const byte Headers = 1;
    private const byte ResetStream = 3;
    private const byte Continuation = 9;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;
    private const int Connections = 20;
    private const int Frames = 5_000;

    // Without a pause it would be the connections that take both cores, the test's side of them too.
    private static readonly TimeSpan BetweenFloods = TimeSpan.FromMilliseconds(200);

    private static readonly byte[] Preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0];

    // :method GET, :scheme http, :path /, and :authority localhost as a literal that is not entered into the table.
    private static readonly byte[] Request = [0x82, 0x86, 0x84, 0x01, 9, .. "localhost"u8];

    private static readonly TestCaseData[] Floods =
    [
        new TestCaseData((Func<byte[]>)(() => [.. Enumerable.Range(0, Frames).SelectMany(i => (byte[])
        [
            .. Frame(Headers, EndHeaders | EndStream, (2 * i) + 1, Request), .. Frame(ResetStream, 0, (2 * i) + 1, [0, 0, 0, 8]),
        ])])).SetArgDisplayNames("rapid reset"),
        new TestCaseData((Func<byte[]>)(() =>
        [
            .. Frame(Headers, 0, 1, Request), .. Enumerable.Range(0, Frames).SelectMany(i => Frame(Continuation, 0, 1, [0x00, 1, (byte)'x', 1, (byte)('a' + (i % 26))])),
        ])).SetArgDisplayNames("CONTINUATION without an end"),
        new TestCaseData((Func<byte[]>)(() =>
        [
            .. Enumerable.Range(0, Frames).SelectMany(i => Frame(Continuation, EndHeaders, 1, [0x00])),
        ])).SetArgDisplayNames("CONTINUATION without a beginning"),
    ];

    private SqliteDatabase _database = null!;
    private Ledger _ledger = null!;
    private RunningProgram _program = null!;
    private int _user;

    [OneTimeSetUp]
    public async Task SetUp()
    {
        _database = new SqliteDatabase();
        _ledger = new Ledger(_database.Folder);
        _program = await _database.StartAsync("--Kestrel:EndpointDefaults:Protocols=Http2");
        using var browser = _program.NewBrowser();
        using var registered = await browser.SendAsync(HttpMethod.Post, "/register/", JsonContent.Create(new { email = "ada@example.com", password = Browser.Password }), request =>
        {
            request.Version = HttpVersion.Version20;
            request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        });
        _user = (await registered.JsonAsync())["id"]!.GetValue<int>();
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        _ledger.Dispose();
        await _program.DisposeAsync();
        await _database.DisposeAsync();
    }

    [TestCaseSource(nameof(Floods))]
    public async Task A_flood_of_frames_holds_nobody_up(Func<byte[]> frames)
    {
        using var load = new Load(_program.Address, _ledger, HttpVersion.Version20);
        var tokens = new Queue<string>(await _database.InsertSessionsAsync(_user, 1_000));
        await load.P99OfLogoutsAsync(tokens, 300);
        var quiet = await load.P99OfLogoutsAsync(tokens, 300);
        byte[] flood = [.. Preface, .. frames()];

        // Who is cut off comes again, until the logouts of others were measured.
        using var ending = new CancellationTokenSource();
        var floods = Enumerable.Range(0, Connections).Select(i => FloodAsync(flood, BetweenFloods * i / Connections, ending.Token)).ToList();
        var busy = await load.P99OfLogoutsAsync(tokens, 300);
        Assert.That(floods.Any(one => one.IsCompleted), Is.False, "each floods to the end");
        await ending.CancelAsync();
        var cut = await Task.WhenAll(floods);

        await TestContext.Out.WriteLineAsync(
            $"p99 of a logout: {quiet.TotalMilliseconds:F1} ms quiet, {busy.TotalMilliseconds:F1} ms beside the flood; " +
            $"{cut.Sum(one => one.Count)} connections were cut off, after at most {cut.Max(one => one.Slowest).TotalMilliseconds:F0} ms.");
        Assert.That(busy, Is.LessThan(TimeSpan.FromMilliseconds(Math.Max(5 * quiet.TotalMilliseconds, 50))));
    }

    // Sends the flood on one connection after another, and reads each until the server closes it; fails where it does not within RawConnection.Patience.
    private async Task<(int Count, TimeSpan Slowest)> FloodAsync(byte[] flood, TimeSpan first, CancellationToken ending)
    {
        await Task.Delay(first, CancellationToken.None);
        var (count, slowest) = (0, TimeSpan.Zero);
        for (; count == 0 || !ending.IsCancellationRequested; count++)
        {
            var began = Stopwatch.GetTimestamp();
            using var connection = await RawConnection.OpenAsync(_program.Address);
            await connection.SendAsync(flood);
            await connection.ReadToEndAsync();
            var elapsed = Stopwatch.GetElapsedTime(began);
            slowest = elapsed > slowest ? elapsed : slowest;
            await Task.Delay(BetweenFloods, CancellationToken.None);
        }

        return (count, slowest);
    }

    [Test]
    public async Task HTTP2_without_TLS_is_refused_and_h2c_is_no_upgrade()
    {
        await using var database = new SqliteDatabase();
        await using var program = await database.StartAsync();
        using (var connection = await RawConnection.OpenAsync(program.Address))
        {
            await connection.SendAsync(Preface);
            await connection.ReadToEndAsync();
        }

        using var upgrade = await RawConnection.OpenAsync(program.Address);
        await upgrade.SendAsync("GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n");
        Assert.That((await upgrade.ReadAsync())?.Status, Is.EqualTo(200), "it stays HTTP/1.1");
    }

    private static byte[] Frame(byte type, int flags, int stream, byte[] payload) =>
    [
        (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, (byte)flags,
        (byte)(stream >> 24), (byte)(stream >> 16), (byte)(stream >> 8), (byte)stream, .. payload,
    ];
}
