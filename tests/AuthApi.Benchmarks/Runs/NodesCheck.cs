using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// Keeps nodes that share a store busy, and looks for a session that is accepted after its end was acknowledged, on any of them. The nodes are started by the person who
/// checks them. The number of violations must be 0.
/// </summary>
internal static class NodesCheck
{
    private const string Password = "trombone lasagna keyboard";
    private const int Workers = 12;
    private const int Probes = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <param name="arguments">The addresses of the nodes, and for how many seconds.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var seconds = 30;
        var nodes = new List<Uri>();
        foreach (var argument in arguments)
        {
            if (Uri.TryCreate(argument, UriKind.Absolute, out var node) && node is { Scheme: "http" or "https", IsLoopback: true })
            {
                nodes.Add(node);
            }
            else if (!int.TryParse(argument, CultureInfo.InvariantCulture, out seconds) || seconds < 1)
            {
                throw new ArgumentException($"'{argument}' is neither an address of this machine nor a number of seconds.");
            }
        }

        if (nodes.Count == 0)
        {
            throw new ArgumentException("nodes takes the addresses of the nodes, as http://127.0.0.1:5081 http://127.0.0.1:5082.");
        }

        using var check = new Check(nodes);
        return await check.RunAsync(TimeSpan.FromSeconds(seconds)) ? 0 : 1;
    }

    private sealed class Check(List<Uri> nodes) : IDisposable
    {
        private readonly HttpClient _client = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false, MaxConnectionsPerServer = 256 }) { Timeout = Patience };
        private readonly ConcurrentBag<string> _ended = [];
        private long _logins;
        private long _ends;
        private long _requests;
        private long _failures;
        private long _violations;

        public async Task<bool> RunAsync(TimeSpan duration)
        {
            var users = await Task.WhenAll(Enumerable.Range(0, Workers).Select(RegisterAsync));
            var until = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
            await Task.WhenAll(users.Select(email => WorkAsync(email, until)));

            // What has ended stays so, when all is quiet.
            foreach (var token in _ended)
            {
                foreach (var node in nodes)
                {
                    await CountAsync(node, token);
                }
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

                **{nodes.Count} nodes, {duration.TotalSeconds:N0} seconds**: {_logins:N0} logins, {_ends:N0} acknowledged ends, {_requests:N0} other requests, {_failures:N0} answers of 5xx or none.
                Accepted after the end was acknowledged: **{_violations:N0}**, of {_ends * (Probes + nodes.Count):N0} tries at the same moment and at the end.
                """));
            return _violations == 0 && _ends > 0;
        }

        public void Dispose() => _client.Dispose();

        // A user's sessions: some used on every node, then ended on one, in each way there is, while others use the token.
        private async Task WorkAsync(string email, long until)
        {
            while (Stopwatch.GetTimestamp() < until)
            {
                try
                {
                    var tokens = new List<string>();
                    for (var i = RandomNumberGenerator.GetInt32(1, 4); i > 0; i--)
                    {
                        tokens.Add(await LogInAsync(Any(), email));
                    }

                    foreach (var node in nodes)
                    {
                        await SendAsync(node, HttpMethod.Get, "/me/", tokens[0]);
                    }

                    var (path, ended) = RandomNumberGenerator.GetInt32(3) switch
                    {
                        0 => ("/logout/?scope=all", tokens),
                        1 => ("/logout/?scope=others", tokens[1..]),
                        _ => ("/logout/", tokens[..1]),
                    };

                    // Until the end is acknowledged they may be accepted, afterwards not.
                    using var stop = new CancellationTokenSource();
                    var noise = ended.Select(token => UseAsync(token, stop.Token)).ToList();
                    var status = await SendAsync(Any(), HttpMethod.Post, path, tokens[0]);
                    if (status == 200)
                    {
                        Interlocked.Increment(ref _ends);
                        await Task.WhenAll(Enumerable.Range(0, Probes).SelectMany(probe => ended.Select(token => CountAsync(nodes[probe % nodes.Count], token))));
                        ended.ForEach(_ended.Add);
                    }

                    await stop.CancelAsync();
                    await Task.WhenAll(noise);
                    if (path.EndsWith("others", StringComparison.Ordinal))
                    {
                        await SendAsync(Any(), HttpMethod.Post, "/logout/", tokens[0]);
                    }
                }
                catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or InvalidOperationException)
                {
                    // A node or the store is out of reach for a while; what was not acknowledged is not counted.
                    Interlocked.Increment(ref _failures);
                }
            }
        }

        private async Task UseAsync(string token, CancellationToken stop)
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                try
                {
                    await SendAsync(nodes[i % nodes.Count], HttpMethod.Get, "/me/", token);
                }
                catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
                {
                    Interlocked.Increment(ref _failures);
                }
            }
        }

        private async Task CountAsync(Uri node, string token)
        {
            if (await SendAsync(node, HttpMethod.Get, "/me/", token) == 200)
            {
                Interlocked.Increment(ref _violations);
            }
        }

        private async Task<string> RegisterAsync(int worker)
        {
            var email = string.Create(CultureInfo.InvariantCulture, $"nodes-{RandomNumberGenerator.GetHexString(12, lowercase: true)}-{worker}@example.com");
            using var response = await _client.PostAsJsonAsync(new Uri(nodes[0], "/register/"), new { email, password = Password });
            response.EnsureSuccessStatusCode();
            return email;
        }

        private async Task<string> LogInAsync(Uri node, string email)
        {
            using var response = await _client.PostAsJsonAsync(new Uri(node, "/login/"), new { email, password = Password, transport = "header" });
            if (!response.IsSuccessStatusCode)
            {
                throw new InvalidOperationException($"A login was answered {(int)response.StatusCode}.");
            }

            Interlocked.Increment(ref _logins);
            return JsonNode.Parse(await response.Content.ReadAsStringAsync())!["sessionToken"]!.GetValue<string>();
        }

        private async Task<int> SendAsync(Uri node, HttpMethod method, string path, string token)
        {
            using var request = new HttpRequestMessage(method, new Uri(node, path));
            request.Headers.Authorization = new AuthenticationHeaderValue("Session", token);
            using var response = await _client.SendAsync(request);
            Interlocked.Increment(ref _requests);
            if ((int)response.StatusCode >= 500)
            {
                Interlocked.Increment(ref _failures);
            }

            return (int)response.StatusCode;
        }

        private Uri Any() => nodes[RandomNumberGenerator.GetInt32(nodes.Count)];
    }
}
