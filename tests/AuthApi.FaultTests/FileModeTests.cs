using System.Net;
using AuthApi.FaultTests.Harness;

namespace AuthApi.FaultTests;

/// <summary>The program runs as a user who may not use one of its files or folders: a start that is refused in one clear line, and nothing changed.</summary>
internal sealed class FileModeTests
{
    private static readonly TestCaseData[] Refused =
    [
        new TestCaseData("chmod 0000 data/auth.db", "auth.db").SetArgDisplayNames("file not readable"),
        new TestCaseData("chmod 0400 data/auth.db", "auth.db").SetArgDisplayNames("file not writable"),
        new TestCaseData("rm data/auth.db-* && chmod 0500 data", "auth.db").SetArgDisplayNames("folder not writable"),
        new TestCaseData("chmod 0000 data", "auth.db").SetArgDisplayNames("folder not readable"),
        new TestCaseData("chown root:root data/auth.db-wal", "auth.db").SetArgDisplayNames("log of another user"),
        new TestCaseData("chown root:root data/auth.db.lock", "auth.db.lock").SetArgDisplayNames("lock of another user"),
        new TestCaseData("chown root:root data/keys", "keys").SetArgDisplayNames("keys of another user"),
        new TestCaseData("chown root:root data/keys/*.xml", "keys").SetArgDisplayNames("a key of another user"),
        new TestCaseData("chmod 0500 data/keys", "keys").SetArgDisplayNames("folder of keys not writable"),
    ];

    private readonly TemporaryFolder _template = new();
    private TemporaryFolder _program = null!;
    private Launch _asNobody = null!;
    private TemporaryFolder _folder = null!;

    [OneTimeSetUp]
    public async Task MakeTemplate()
    {
        if (!Environment.IsPrivilegedProcess || !File.Exists("/usr/bin/setpriv"))
        {
            Needs.Missing("root, and setpriv (Debian's package util-linux) to start the program as another user");
        }

        _program = await Published.CopyAsync();
        await Tool.RunAsync(_program.Path, "chmod", "-R", "a+rX", ".");

        // As whom modes bind: they do not bind root.
        _asNobody = new Launch(_program.Path, ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
        await Tool.RunAsync(_template.Path, "chown", "nobody:nogroup", ".");
        await using var program = await StartAsync(_template);
        using var browser = program.NewBrowser();
        await browser.RegisterAsync();
        await program.TerminateAsync();
        await program.Ended;
    }

    [OneTimeTearDown]
    public void DeleteTemplate()
    {
        _program?.Dispose();
        _template.Dispose();
    }

    [SetUp]
    public async Task CopyTemplate()
    {
        _folder = new TemporaryFolder();
        await Tool.RunAsync(_template.Path, "cp", "--archive", ".", _folder.Path);
    }

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [TestCaseSource(nameof(Refused))]
    public async Task A_start_without_the_right_to_a_file_is_refused(string change, string named)
    {
        await Tool.RunAsync(_folder.Path, "bash", "-c", change);
        var before = await DescribeAsync();

        var (exitCode, error) = await RunningProgram.RunToEndAsync(_folder.Path, _asNobody);

        Assert.That((exitCode, error.TrimEnd().Split('\n').Length), Is.EqualTo((1, 1)), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: ").And.Contain(named));
        Assert.That(await DescribeAsync(), Is.EqualTo(before), "no file is changed, made or deleted");
    }

    [Test]
    public async Task Files_that_others_can_read_are_warned_of()
    {
        await Tool.RunAsync(_folder.Path, "bash", "-c", "chmod 0644 data/auth.db && chmod 0755 data/keys");
        await using var program = await StartAsync(_folder);
        using var browser = program.NewBrowser();
        await browser.LogInAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
        await program.TerminateAsync();
        var (_, output) = await program.Ended;

        Assert.That(output, Has.Some.Contains("auth.db is readable by others than its owner"));
        Assert.That(output, Has.Some.Contains("keys can be read by others than its owner"));
    }

    private Task<RunningProgram> StartAsync(TemporaryFolder folder) => RunningProgram.StartAsync(folder.Path, _asNobody);

    private Task<string> DescribeAsync() => Tool.RunAsync(_folder.Path, "bash", "-c", "find data -printf '%p %M %u %s\\n' | sort; find data -type f ! -name '*-shm' -exec sha256sum {} + | sort");
}
