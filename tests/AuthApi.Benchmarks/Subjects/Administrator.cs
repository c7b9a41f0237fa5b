using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>The administrator of a subject: made on the command line, signed in by the API.</summary>
internal static class Administrator
{
    private const string Email = "root@example.com";

    /// <summary>Makes the account.</summary>
    /// <param name="server">The server's arguments, of which the command takes those of the database.</param>
    /// <exception cref="InvalidOperationException">The command failed.</exception>
    public static void Create(string[] server)
    {
        var settings = server.Skip(1).TakeWhile(argument => !argument.StartsWith("--RateLimiting", StringComparison.Ordinal));
        using var command = Process.Start(new ProcessStartInfo("dotnet", [server[0], "create-admin", Email, .. settings]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        command.StandardInput.WriteLine(Subject.Password);
        command.StandardInput.Close();
        command.WaitForExit();
        if (command.ExitCode != 0)
        {
            throw new InvalidOperationException("create-admin failed.");
        }
    }

    /// <summary>Signs the administrator in.</summary>
    /// <returns>A client whose requests have the session.</returns>
    public static async Task<HttpClient> LogInAsync(Subject subject, TimeSpan maxCall)
    {
        var client = new HttpClient { BaseAddress = subject.Server.Address, Timeout = maxCall };
        using var login = await client.PostAsJsonAsync("/login/", new { email = Email, Subject.Password, transport = "header" });
        login.EnsureSuccessStatusCode();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Session", (string)JsonNode.Parse(await login.Content.ReadAsStringAsync())!["sessionToken"]!);
        return client;
    }
}
