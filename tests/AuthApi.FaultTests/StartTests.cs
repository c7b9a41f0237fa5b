using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using AuthApi.FaultTests.Harness;
using Microsoft.Data.Sqlite;

namespace AuthApi.FaultTests;

/// <summary>A start that cannot be: one clear line, an exit code that is not 0, and nothing damaged.</summary>
internal sealed class StartTests
{
    private readonly SqliteDatabase _template = new();
    private TemporaryFolder _folder = null!;
    private SqliteDatabase _database = null!;

    [OneTimeSetUp]
    public async Task MakeTemplate()
    {
        await using var first = await _template.StartAsync();
        using var browser = first.NewBrowser();
        await browser.RegisterAsync();
        await first.TerminateAsync();
        await first.Ended;
    }

    [OneTimeTearDown]
    public async Task DeleteTemplate() => await _template.DisposeAsync();

    [SetUp]
    public async Task CopyTemplate()
    {
        _folder = new TemporaryFolder();
        await Tool.RunAsync(_template.Folder, "cp", "--archive", ".", _folder.Path);
        _database = new SqliteDatabase(_folder.Path);
    }

    [TearDown]
    public async Task TearDown()
    {
        await _database.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task A_database_of_a_newer_version_is_not_touched()
    {
        await ExecuteAsync("INSERT INTO \"__EFMigrationsHistory\" VALUES ('29990101000000_Future', '99.0.0')");

        await ShouldNotStartAsync("newer");
    }

    [Test]
    public async Task A_corrupt_database_is_not_touched()
    {
        var bytes = await File.ReadAllBytesAsync(_database.File);
        bytes.AsSpan(0, 4_096).Fill(0x5A);
        await File.WriteAllBytesAsync(_database.File, bytes);

        await ShouldNotStartAsync("ConnectionStrings:Auth");
    }

    [Test]
    public async Task A_taken_port_is_named()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var address = $"http://{taken.LocalEndpoint}";

        await ShouldNotStartAsync(address, $"--urls={address}");
    }

    [Test]
    public Task An_unreadable_setting_is_named() => ShouldNotStartAsync("Sessions:IdleTimeout", "--Sessions:IdleTimeout=soon");

    [Test]
    public Task A_missing_certificate_is_named() =>
        ShouldNotStartAsync("missing.pfx", "--urls=https://127.0.0.1:0", "--Kestrel:Certificates:Default:Path=missing.pfx", "--Kestrel:Certificates:Default:Password=x");

    [Test]
    public Task A_folder_that_cannot_be_made_is_named() => ShouldNotStartAsync("ConnectionStrings:Auth", "--ConnectionStrings:Auth=Data Source=/proc/nowhere/auth.db");

    [Test]
    public async Task A_second_process_is_refused_and_the_first_serves_on()
    {
        await using var first = await _database.StartAsync();

        var (exitCode, error) = await RunningProgram.RunToEndAsync(_database.Folder);

        Assert.That((exitCode, error.TrimEnd().Split('\n').Length), Is.EqualTo((1, 1)), error);
        using var browser = first.NewBrowser();
        await browser.LogInAsync();
        Assert.That(await browser.MeAsync(), Is.EqualTo(HttpStatusCode.OK));
    }

    private async Task ShouldNotStartAsync(string named, params string[] settings)
    {
        var before = SHA256.HashData(await File.ReadAllBytesAsync(_database.File));

        var (exitCode, error) = await RunningProgram.RunToEndAsync(_database.Folder, settings);

        Assert.That((exitCode, error.TrimEnd().Split('\n').Length), Is.EqualTo((1, 1)), error);
        Assert.That(error, Does.StartWith("AuthApi does not start: ").And.Contain(named));
        Assert.That(SHA256.HashData(await File.ReadAllBytesAsync(_database.File)), Is.EqualTo(before), "the file is as it was");
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={_database.File};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // A test's own text.
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
