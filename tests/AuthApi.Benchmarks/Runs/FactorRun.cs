using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using AuthApi.Benchmarks.Subjects;
using AuthApi.Benchmarks.Traffic;
using AuthApi.Tests.Harness;

namespace AuthApi.Benchmarks.Runs;

/// <summary>What a login with a code of an authenticator app, and one with a passkey, cost beside one with a password.</summary>
internal static class FactorRun
{
    private const int Connections = 8;

    public static async Task RunAsync(RunOptions options)
    {
        using var factory = new SubjectFactory(options.AuthApi, otherAuthApi: null);
        var count = options.Choose(full: 100, quick: 30);
        Progress.Write($"starting a server, and giving {count} accounts an app and {count} others a passkey");
        var subject = await factory.StartAuthApiAsync("factors", sessions: 10, prepare: null);
        var emails = await subject.RegisterAsync(3 * count);
        using var client = new HttpClient { BaseAddress = subject.Server.Address };
        var apps = new List<AuthenticatorApp>();
        var passkeys = new List<SoftwareAuthenticator>();
        var origin = subject.Server.Address.GetLeftPart(UriPartial.Authority).Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        client.DefaultRequestHeaders.Host = new Uri(origin).Authority;
        foreach (var email in emails.Skip(count).Take(count))
        {
            var token = await TokenAsync(client, email);
            var setup = await PostAsync(client, "/two-factor/setup/", null, token);
            var app = new AuthenticatorApp(setup["sharedKey"]!.GetValue<string>(), TimeProvider.System);
            await PostAsync(client, "/two-factor/enable/", new { code = app.Code() }, token);
            apps.Add(app);
        }

        foreach (var email in emails.Skip(2 * count))
        {
            var token = await TokenAsync(client, email);
            var authenticator = new SoftwareAuthenticator(origin);
            await PostAsync(client, "/passkeys/", new { credential = authenticator.Create(await PostAsync(client, "/passkeys/options/", null, token)), name = "Bench" }, token);
            passkeys.Add(authenticator);
        }

        // The codes that enabled the apps are used up.
        await Task.Delay(TimeSpan.FromSeconds(31));
        subject.WaitUntilIdle();
        var (password, code, passkey) = (new Latencies(count), new Latencies(count), new Latencies(count));
        for (var i = 0; i < count; i++)
        {
            await TimeAsync(password, () => PostAsync(client, "/login/", new { email = emails[i], Subject.Password, transport = "header" }));
            var given = apps[i].Code();
            await TimeAsync(code, () => PostAsync(client, "/login/", new { email = emails[count + i], Subject.Password, twoFactorCode = given, transport = "header" }));
            var authenticator = passkeys[i];
            await TimeAsync(passkey, () => LogInWithPasskeyAsync(authenticator));
        }

        var passwords = await RateAsync(count, i => PostAsync(client, "/login/", new { email = emails[i], Subject.Password, transport = "header" }));
        var keys = await RateAsync(count, i => LogInWithPasskeyAsync(passkeys[i]));
        passkeys.ForEach(authenticator => authenticator.Dispose());
        Console.WriteLine($"""

            **Logins by factor**, {count} of each, by turns on one connection, each of another account. A passkey's is two calls, and the signature of the authenticator is in its time.

            | login | p50, ms | p99, ms | max, ms | p50 / password |
            |---|---:|---:|---:|---:|
            {Row("password", password)}
            {Row("password and code", code)}
            {Row("passkey", passkey)}

            On {Connections} connections at once: {passwords:N0} logins a second with a password, {keys:N0} with a passkey ({keys / passwords:N1} times as many).
            """);

        async Task LogInWithPasskeyAsync(SoftwareAuthenticator authenticator)
        {
            var begun = await PostAsync(client, "/login/passkey/options/");
            await PostAsync(client, "/login/passkey/", new { credential = authenticator.Get(begun), transport = "header" });
        }

        string Row(string name, Latencies latencies) =>
            string.Create(CultureInfo.InvariantCulture, $"| {name} | {latencies.P50:N2} | {latencies.P99:N2} | {latencies.Max:N1} | {latencies.P50 / password.P50:N2} |");
    }

    private static async Task<double> RateAsync(int count, Func<int, Task> login)
    {
        var startedAt = Stopwatch.GetTimestamp();
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = Connections }, async (i, _) => await login(i));
        return count / Stopwatch.GetElapsedTime(startedAt).TotalSeconds;
    }

    private static async Task TimeAsync(Latencies latencies, Func<Task> login)
    {
        var startedAt = Stopwatch.GetTimestamp();
        await login();
        latencies.Add(Stopwatch.GetTimestamp() - startedAt);
    }

    private static async Task<string> TokenAsync(HttpClient client, string email) =>
        (await PostAsync(client, "/login/", new { email, Subject.Password, transport = "header" }))["sessionToken"]!.GetValue<string>();

    private static async Task<JsonNode> PostAsync(HttpClient client, string path, object? body = null, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = body is null ? null : JsonContent.Create(body) };
        if (token is not null)
        {
            request.Headers.Add("Authorization", $"Session {token}");
        }

        using var response = await client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new InvalidOperationException($"{path}: {text}");
    }
}
