using System.Collections.Concurrent;
using System.Net;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>The disk of the SQLite file is full, read-only or damaged, on a small file system of its own.</summary>
internal sealed class DiskTests
{
    private SmallDisk _disk = null!;
    private Ledger _ledger = null!;
    private TemporaryFolder _folder = null!;

    [SetUp]
    public async Task SetUp()
    {
        _folder = new TemporaryFolder();
        _ledger = new Ledger(_folder.Path);
        _disk = await SmallDisk.MountAsync(megabytes: 32);
    }

    [TearDown]
    public async Task TearDown()
    {
        _ledger.Dispose();
        await _disk.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task A_full_disk_is_a_503_and_passes_without_a_restart()
    {
        await using var database = new SqliteDatabase(_disk.Path);
        await using var program = await database.StartAsync();
        using var load = new Load(program.Address, _ledger);
        var tokens = await database.LogInAsync(program, _ledger, 4_000);

        _disk.Fill();
        await load.LogOutAsync(new ConcurrentQueue<string>(tokens.Take(3_000)), connections: 8, CancellationToken.None);
        Assert.That(load.Answers, Is.All.AnyOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable).And.Some.EqualTo(HttpStatusCode.ServiceUnavailable));
        await ShouldBeUnavailableAsync(program);
        await _ledger.CheckAsync(program.Address);

        _disk.Free();
        await load.LogOutAsync(new ConcurrentQueue<string>(tokens.Skip(3_000)), connections: 8, CancellationToken.None);
        Assert.That(load.Answers.Skip(3_000), Is.All.EqualTo(HttpStatusCode.OK), "there is room again");
        await ShouldServeAsync(program);
        await _ledger.CheckAsync(program.Address);
        await database.CheckAsync();
        await program.KillAsync();
        await using var next = await database.StartAsync();
        await _ledger.CheckAsync(next.Address);
    }

    [Test]
    public async Task A_disk_that_becomes_read_only_is_a_503()
    {
        await using var database = new SqliteDatabase(_disk.Path);
        await using (var program = await database.StartAsync())
        {
            using var load = new Load(program.Address, _ledger);
            var tokens = await database.LogInAsync(program, _ledger, 40);
            await load.LogOutAsync(new ConcurrentQueue<string>(tokens.Take(20)), connections: 2, CancellationToken.None);
            await _disk.BreakAsync();

            await load.LogOutAsync(new ConcurrentQueue<string>(tokens.Skip(20).Take(10)), connections: 2, CancellationToken.None);
            Assert.That(load.Answers.Take(20), Is.All.EqualTo(HttpStatusCode.OK));
            Assert.That(load.Answers.Skip(20), Is.All.EqualTo(HttpStatusCode.ServiceUnavailable));
            await ShouldBeUnavailableAsync(program);
            await program.KillAsync();
        }

        await _disk.RepairAsync();
        await using var next = await database.StartAsync();
        await _ledger.CheckAsync(next.Address);
        await database.CheckAsync();
    }

    [Test]
    public async Task A_read_only_disk_stops_the_start()
    {
        await using var database = new SqliteDatabase(_disk.Path);
        await _disk.BreakAsync();

        var (exitCode, error) = await RunningProgram.RunToEndAsync(database.Folder);

        Assert.That((exitCode, error.TrimEnd().Split('\n').Length), Is.EqualTo((1, 1)), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: "));
    }

    [Test]
    public async Task A_file_truncated_under_the_program_loses_nothing_acknowledged()
    {
        await using var database = new SqliteDatabase(_disk.Path);
        await using (var program = await database.StartAsync())
        {
            using var load = new Load(program.Address, _ledger);
            var tokens = await database.LogInAsync(program, _ledger, 200);
            Truncate(database.File);

            await load.LogOutAsync(new ConcurrentQueue<string>(tokens.Take(100)), connections: 2, CancellationToken.None);
            Assert.That(load.Answers, Is.All.AnyOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable));
            await program.KillAsync();
        }

        // The log has all that was written since its last copy; where that is everything, the file is whole again.
        try
        {
            await using var next = await database.StartAsync();
            await _ledger.CheckAsync(next.Address);
            await database.CheckAsync();
        }
        catch (InvalidOperationException exception)
        {
            Assert.That(exception.Message, Does.Contain("AuthApi does not start: ConnectionStrings:Auth"));
        }
    }

    [Test]
    public async Task A_truncated_file_stops_the_start_and_is_left_as_it_is()
    {
        await using var database = new SqliteDatabase(_disk.Path);
        await using (var program = await database.StartAsync())
        {
            await database.LogInAsync(program, _ledger, 10);
            await program.TerminateAsync();
            await program.Ended;
        }

        Truncate(database.File);
        var before = await File.ReadAllBytesAsync(database.File);
        var (exitCode, error) = await RunningProgram.RunToEndAsync(database.Folder);
        Assert.That((exitCode, error.TrimEnd().Split('\n').Length), Is.EqualTo((1, 1)), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: "));
        Assert.That(await File.ReadAllBytesAsync(database.File), Is.EqualTo(before));
    }

    [Test]
    public async Task A_corrupt_page_stops_the_start_or_is_a_503()
    {
        await using var database = new SqliteDatabase(_disk.Path);
        IReadOnlyList<string> tokens;
        await using (var program = await database.StartAsync())
        {
            tokens = await database.LogInAsync(program, _ledger, 400);
            await program.TerminateAsync();
            await program.Ended;
        }

        // Every page but the first, which has the schema's root.
        var bytes = await File.ReadAllBytesAsync(database.File);
        bytes.AsSpan(4_096 * 8).Fill(0x5A);
        await File.WriteAllBytesAsync(database.File, bytes);
        try
        {
            await using var program = await database.StartAsync();
            using var load = new Load(program.Address, _ledger);
            await load.LogOutAsync(new ConcurrentQueue<string>(tokens), connections: 2, CancellationToken.None);
            Assert.That(load.Answers, Is.All.AnyOf(HttpStatusCode.ServiceUnavailable, HttpStatusCode.InternalServerError));
        }
        catch (InvalidOperationException exception)
        {
            Assert.That(exception.Message, Does.Contain("AuthApi does not start: ConnectionStrings:Auth"));
        }
    }

    private static void Truncate(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(4_096);
    }

    private static async Task ShouldBeUnavailableAsync(RunningProgram program)
    {
        using var browser = program.NewBrowser();
        using var registration = await browser.PostAsync("/register/", new { email = "late@example.com", password = Browser.Password });
        await registration.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
    }

    private static async Task ShouldServeAsync(RunningProgram program)
    {
        using var browser = program.NewBrowser();
        await browser.RegisterAsync("late@example.com");
        await browser.LogInAsync("late@example.com");
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }
}
