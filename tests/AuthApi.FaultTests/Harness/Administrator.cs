using System.Diagnostics;
using System.Net;
using AuthApi.Sessions;

namespace AuthApi.FaultTests.Harness;

/// <summary>An administrator, who looks at the sessions of a member again and again, and ends one of them and then all.</summary>
internal sealed class Administrator(string name, SessionTransport transport, Ledger ledger)
{
    // An end takes a password of the last ten minutes.
    private static readonly TimeSpan Recent = TimeSpan.FromMinutes(5);

    /// <summary>How often they ended a member's sessions.</summary>
    public int Ends { get; private set; }

    /// <summary>Lives on until the load ends.</summary>
    public async Task LiveAsync(RunningProgram program, Database database, CancellationToken ending)
    {
        using var root = program.NewBrowser(transport);
        await root.RegisterAsync($"{name}@example.com");
        await Published.RunCommandAsync(database.Folder, ["roles", "grant", $"{name}@example.com", "Admin", "--yes", .. database.Settings]);
        await root.LogInAsync($"{name}@example.com");
        var loggedInAt = Stopwatch.GetTimestamp();
        using var member = program.NewBrowser(transport);
        var email = $"member-of-{name}@example.com";
        var user = await member.RegisterAsync(email);
        while (!ending.IsCancellationRequested)
        {
            if (Stopwatch.GetElapsedTime(loggedInAt) > Recent)
            {
                await root.ReauthenticateAsync();
                loggedInAt = Stopwatch.GetTimestamp();
            }

            var tokens = await database.InsertSessionsAsync(user, 5);
            var one = (string)(await member.LogInAsync(email))["id"]!;
            ledger.LoggedIn([.. tokens, member.Token]);

            Assert.That(await CountAsync(root, $"/admin/users/?search={email}"), Is.EqualTo(1));
            Assert.That(await CountAsync(root, $"/admin/users/{user}/sessions/"), Is.EqualTo(6));
            Assert.That(await CountAsync(root, $"/admin/sessions/?userId={user}&limit=100"), Is.EqualTo(6));
            Assert.That(await CountAsync(root, $"/admin/audit/?userId={user}"), Is.Positive);
            Assert.That(await ledger.EndAsync(member.Token, () => root.DeleteAsync($"/admin/users/{user}/sessions/{one}/")), Is.EqualTo(HttpStatusCode.NoContent));
            Assert.That(await ledger.EndAsync(tokens, () => root.DeleteAsync($"/admin/users/{user}/sessions/")), Is.EqualTo(HttpStatusCode.OK));
            Ends++;
        }
    }

    private static async Task<int> CountAsync(Browser root, string path)
    {
        using var response = await root.GetAsync(path);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return (await response.JsonAsync())["items"]!.AsArray().Count;
    }
}
