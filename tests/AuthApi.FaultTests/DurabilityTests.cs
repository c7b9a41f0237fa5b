using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using AuthApi.FaultTests.Harness;
using AuthApi.Sessions;

namespace AuthApi.FaultTests;

/// <summary>The log is synced to the disk between the read of a logout's request and the write of its 200, by the system calls of one logout.</summary>
internal sealed partial class DurabilityTests
{
    [OneTimeSetUp]
    public void SetUp() => SystemCalls.Require();

    [Test]
    public async Task Sqlite_syncs_its_log_before_the_answer()
    {
        using var database = new TemporaryFolder();
        await using var program = await RunningProgram.StartAsync(database.Path);

        Assert.That(Syncs(await TraceLogoutAsync(program, database.Path, [program.Id]), "-wal"), Is.Not.Empty);
    }

    [Test]
    public async Task A_program_with_synchronous_NORMAL_is_found_out()
    {
        // The same program but for one word of its connections' set-up.
        using var copy = await Published.CopyAsync();
        var library = Path.Combine(copy.Path, "AuthApi.Sessions.Sqlite.dll");
        await ReplaceAsync(library, "synchronous=FULL", "synchronous=0001");
        using var database = new TemporaryFolder();
        await using var program = await RunningProgram.StartAsync(database.Path, new Launch(Copy: copy.Path));

        Assert.That(Syncs(await TraceLogoutAsync(program, database.Path, [program.Id]), "-wal"), Is.Empty);
    }

    [Test]
    public async Task PostgreSql_syncs_its_log_before_the_answer()
    {
        await using var database = await PostgreSqlDatabase.CreateAsync();
        await using var program = await database.StartAsync();

        Assert.That(Syncs(await TraceLogoutAsync(program, database.Folder, () => [program.Id, .. database.Server.Processes]), "pg_wal"), Is.Not.Empty);
    }

    [Test]
    public async Task A_server_that_commits_asynchronously_is_found_out()
    {
        // Set after the start, which refuses it. The writer of the log sleeps longer than the test takes.
        await using var database = await PostgreSqlDatabase.CreateAsync("wal_writer_delay=10s", "wal_writer_flush_after=0");
        await using var program = await database.StartAsync();
        await database.Server.ExecuteAsync("postgres", "ALTER SYSTEM SET synchronous_commit = off");
        await database.Server.ExecuteAsync("postgres", "SELECT pg_reload_conf()");

        Assert.That(Syncs(await TraceLogoutAsync(program, database.Folder, () => [program.Id, .. database.Server.Processes]), "pg_wal"), Is.Empty);
    }

    private static Task<IReadOnlyList<string>> TraceLogoutAsync(RunningProgram program, string folder, int[] processes) => TraceLogoutAsync(program, folder, () => processes);

    private static async Task<IReadOnlyList<string>> TraceLogoutAsync(RunningProgram program, string folder, Func<int[]> processes)
    {
        using var browser = program.NewBrowser(SessionTransport.Header);
        await browser.RegisterAsync();
        for (var i = 0; i < 3; i++)
        {
            // Until everything is loaded that a logout needs.
            await browser.LogInAsync();
            using var earlier = await browser.LogOutAsync();
        }

        await browser.LogInAsync();
        await using var calls = await SystemCalls.TraceAsync(folder, processes());
        using var logout = await browser.LogOutAsync();
        Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return await calls.EndAsync();
    }

    /// <summary>The syncs of the log that ended after the request was read and before its answer was written.</summary>
    private static List<string> Syncs(IReadOnlyList<string> lines, string log)
    {
        var list = lines.ToList();
        var read = list.FindIndex(line => line.Contains("POST /logout/", StringComparison.Ordinal));
        var written = list.FindIndex(line => line.Contains("HTTP/1.1 200", StringComparison.Ordinal));
        Assert.That((read, written), Is.EqualTo((Math.Max(read, 0), Math.Max(written, read + 1))), "the request and then its answer are in the trace");
        var syncs = new List<string>();
        var pending = new HashSet<string>(StringComparer.Ordinal);
        for (var i = read + 1; i < written; i++)
        {
            var thread = list[i].Split(' ')[0];
            if (Sync().IsMatch(list[i]) && list[i].Contains(log, StringComparison.Ordinal))
            {
                // "fdatasync(45<…/auth.db-wal>) = 0", or its beginning, with the end on a later line of the same thread.
                if (list[i].Contains("unfinished", StringComparison.Ordinal))
                {
                    pending.Add(thread);
                }
                else
                {
                    syncs.Add(list[i]);
                }
            }
            else if (SyncResumed().IsMatch(list[i]) && pending.Remove(thread))
            {
                syncs.Add(list[i]);
            }
        }

        return syncs;
    }

    // Texts of an assembly are in UTF-16.
    private static async Task ReplaceAsync(string file, string old, string by)
    {
        var bytes = await File.ReadAllBytesAsync(file);
        var at = bytes.AsSpan().IndexOf(Encoding.Unicode.GetBytes(old));
        Assert.That(at, Is.Positive, $"{old} stands in {Path.GetFileName(file)}");
        Encoding.Unicode.GetBytes(by).CopyTo(bytes.AsSpan(at));
        await File.WriteAllBytesAsync(file, bytes);
    }

    [GeneratedRegex(@"\b(fsync|fdatasync|msync)\(")]
    private static partial Regex Sync();

    [GeneratedRegex(@"<\.\.\. (fsync|fdatasync|msync) resumed>.*= 0")]
    private static partial Regex SyncResumed();
}
