using System.Diagnostics;
using System.Net;
using AuthApi.Tests.Harness;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Tests.Storage;

/// <summary>Another process holds the file's lock.</summary>
internal sealed class LockedFileTests
{
    [TestCase("/register/", "eve@example.com")]
    [TestCase("/login/", "ada@example.com")]
    [CancelAfter(60_000)]
    public async Task A_locked_file_is_a_503_within_three_seconds(string path, string email)
    {
        await using var application = new AuthApiApplication();
        using var browser = application.NewBrowser();
        await browser.RegisterAsync();
        await application.QueryAsync(context => context.Users.ExecuteUpdateAsync(users => users.SetProperty(user => user.AccessFailedCount, 3)));
        await using var connection = new SqliteConnection($"Data Source={application.DatabaseFile};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "BEGIN IMMEDIATE";
        await command.ExecuteNonQueryAsync();

        var watch = Stopwatch.StartNew();
        using var response = await browser.PostAsync(path, new { email, password = Browser.Password });

        await response.ShouldBeProblemAsync(HttpStatusCode.ServiceUnavailable, "store_unavailable");
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(3)));
    }
}
