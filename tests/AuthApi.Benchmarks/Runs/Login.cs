using System.Diagnostics;
using AuthApi.Accounts;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// What a login takes beyond the hash of its password: one login over HTTP and one verification of the same stored hash in this
/// process, in turn, so that what else the machine does falls on both.
/// </summary>
internal static class Login
{
    private const string Password = "correct horse battery staple";
    private const int WarmUps = 40;

    // More than one, so that no account comes to have so many sessions that each login must end one.
    private const int Accounts = 20;

    public static async Task<int> RunAsync(int rounds)
    {
        using var data = new DataFolder();
        using var server = await ServerProcess.StartAsync("authapi", data.Path);
        Progress.Say("registering the accounts");
        var emails = await RegisterAsync(server.Address);
        var hashes = ReadHashes(data.Path);
        Measure(rounds, server, [.. emails.Select(email => HttpRequests.Login(server.EndPoint, email, Password))], hashes);
        return 0;
    }

    private static async Task<List<string>> RegisterAsync(Uri server)
    {
        using var client = new HttpClient { BaseAddress = server };
        var emails = Enumerable.Range(1, Accounts).Select(index => $"user{index}@example.com").ToList();
        foreach (var email in emails)
        {
            using var registered = await client.PostAsJsonAsync("/register/", new RegisterRequest { Email = email, Password = Password });
            registered.EnsureSuccessStatusCode();
        }

        return emails;
    }

    private static List<string> ReadHashes(string folder)
    {
        using var connection = new SqliteConnection($"Data Source={DataFolder.AuthApiDatabase(folder)};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = new SqliteCommand("SELECT PasswordHash FROM AspNetUsers ORDER BY Id", connection);
        using var reader = command.ExecuteReader();
        var hashes = new List<string>();
        while (reader.Read())
        {
            hashes.Add(reader.GetString(0));
        }

        return hashes;
    }

    private static void Measure(int rounds, ServerProcess server, List<byte[]> logins, List<string> hashes)
    {
        using var connection = new KeepAliveConnection(server.EndPoint);
        var hasher = new PasswordHasher<ApplicationUser>();
        var user = new ApplicationUser();
        var (loginTimes, hashTimes) = (new List<double>(), new List<double>());
        var (loginCpu, hashCpu) = (TimeSpan.Zero, TimeSpan.Zero);

        Progress.Say("warming up");
        for (var round = -WarmUps; round < rounds; round++)
        {
            var account = (round + WarmUps) % Accounts;
            var cpuBefore = server.CpuTime;
            var login = Time(() => connection.Exchange(logins[account], StatusCodes.Status200OK));
            var ownCpuBefore = Environment.CpuUsage.TotalTime;
            var hash = Time(() =>
            {
                if (hasher.VerifyHashedPassword(user, hashes[account], Password) == PasswordVerificationResult.Failed)
                {
                    throw new InvalidOperationException("The stored hash is of another password.");
                }
            });
            if (round >= 0)
            {
                loginTimes.Add(login);
                hashTimes.Add(hash);
                hashCpu += Environment.CpuUsage.TotalTime - ownCpuBefore;

                // All the server did since, whoever it was for.
                loginCpu += server.CpuTime - cpuBefore;
            }
        }

        Console.WriteLine($"""

            One connection, {rounds:N0} logins with the right password, {Accounts} accounts; after each a verification of the same hash here.

            | | a login | the hash alone |
            |---|---:|---:|
            | median time, ms | {loginTimes.Median():N2} | {hashTimes.Median():N2} |
            | CPU, ms | {loginCpu.TotalMilliseconds / rounds:N2} | {hashCpu.TotalMilliseconds / rounds:N2} |

            {Goal.Header}
            {new Goal("the median login's time, to the median hash's", 1.1, AtMost: true).Row([loginTimes.Median() / hashTimes.Median()])}
            {new Goal("each login's time, to that of the hash after it", 1.1, AtMost: true).Row([.. loginTimes.Zip(hashTimes, (login, hash) => login / hash)])}
            {new Goal("the server's CPU a login, to the hash's", 1.1, AtMost: true).Row([loginCpu / hashCpu])}
            """);
    }

    private static double Time(Action action)
    {
        var startedAt = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(startedAt).TotalMilliseconds;
    }
}
