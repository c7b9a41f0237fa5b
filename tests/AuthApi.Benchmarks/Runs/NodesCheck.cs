using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace AuthApi.Benchmarks.Runs;

/// <summary>
/// Keeps nodes that share a store busy, and looks for a session that is accepted after its end was acknowledged, on any of them. The nodes are started by the person who
/// checks them, without rate limits. The number of violations must be 0.
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
        try
        {
            return await check.RunAsync(TimeSpan.FromSeconds(seconds)) ? 0 : 1;
        }
        catch (Exception exception) when (exception is ThrottledException or HttpRequestException)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    }

    /// <summary>A node has answered 429: what would be checked is its rate limits.</summary>
    private sealed class ThrottledException(Uri node)
        : Exception($"{node} answered 429 too_many_requests: start every node with RateLimiting:Enabled=false to check it.");

    private sealed class Check(List<Uri> nodes) : IDisposable
    {
        private readonly HttpClient _client = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false, MaxConnectionsPerServer = 256 }) { Timeout = Patience };
        private readonly ConcurrentBag<string> _ended = [];
        private long _logins;
        private long _ends;
        private long _tries;
        private long _requests;
        private long _failures;
        private long _violations;
        private volatile bool _isThrottled;

        public async Task<bool> RunAsync(TimeSpan duration)
        {
            var users = await Task.WhenAll(Enumerable.Range(0, Workers).Select(RegisterAsync));
            var until = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
            await Task.WhenAll(users.Select(email => WorkAsync(email, until)));

            // What has ended stays so, when all is quiet.
            await Parallel.ForEachAsync(_ended, new ParallelOptions { MaxDegreeOfParallelism = Workers }, async (token, _) =>
            {
                foreach (var node in nodes)
                {
                    await TryAsync(node, token);
                }
            });

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

                **{nodes.Count} nodes, {duration.TotalSeconds:N0} seconds**: {_logins:N0} logins, {_ended.Count:N0} sessions ended by {_ends:N0} acknowledged calls, {_requests:N0} other requests, {_failures:N0} answers of 5xx or none.
                Accepted after the end was acknowledged: **{_violations:N0}**, of {_tries:N0} tries at the same moment and at the end that were answered.
                """));
            return _violations == 0 && _tries > 0;
        }

        public void Dispose() => _client.Dispose();

        // A user's sessions: some used on every node, then ended on one, in each way there is, while others use the token.
        private async Task WorkAsync(string email, long until)
        {
            while (Stopwatch.GetTimestamp() < until && !_isThrottled)
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

                    // Of one session there are no others to end.
                    var (path, ended) = RandomNumberGenerator.GetInt32(tokens.Count == 1 ? 2 : 3) switch
                    {
                        0 => ("/logout/?scope=all", tokens),
                        2 => ("/logout/?scope=others", tokens[1..]),
                        _ => ("/logout/", tokens[..1]),
                    };

                    // Until the end is acknowledged they may be accepted, afterwards not.
                    using var stop = new CancellationTokenSource();
                    var noise = ended.Select(token => UseAsync(token, stop.Token)).ToList();
                    try
                    {
                        if (await SendAsync(Any(), HttpMethod.Post, path, tokens[0]) == 200)
                        {
                            Interlocked.Increment(ref _ends);
                            await Task.WhenAll(Enumerable.Range(0, Probes).SelectMany(probe => ended.Select(token => TryAsync(nodes[probe % nodes.Count], token))));
                            ended.ForEach(_ended.Add);
                        }
                    }
                    finally
                    {
                        await stop.CancelAsync();
                        await Task.WhenAll(noise);
                    }

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

        // An answer of 5xx or none says nothing about the session.
        private async Task TryAsync(Uri node, string token)
        {
            try
            {
                var status = await SendAsync(node, HttpMethod.Get, "/me/", token);
                if (status is 200 or 401)
                {
                    Interlocked.Increment(ref _tries);
                }

                if (status == 200)
                {
                    Interlocked.Increment(ref _violations);
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
            {
                Interlocked.Increment(ref _failures);
            }
        }

        private async Task<string> RegisterAsync(int worker)
        {
            var email = string.Create(CultureInfo.InvariantCulture, $"nodes-{RandomNumberGenerator.GetHexString(12, lowercase: true)}-{worker}@example.com");
            using var response = await _client.PostAsJsonAsync(new Uri(nodes[0], "/register/"), new { email, password = Password });
            EnsureServed(nodes[0], response);
            response.EnsureSuccessStatusCode();
            return email;
        }

        private async Task<string> LogInAsync(Uri node, string email)
        {
            using var response = await _client.PostAsJsonAsync(new Uri(node, "/login/"), new { email, password = Password, transport = "header" });
            EnsureServed(node, response);
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
            EnsureServed(node, response);
            if ((int)response.StatusCode >= 500)
            {
                Interlocked.Increment(ref _failures);
            }

            return (int)response.StatusCode;
        }

        private void EnsureServed(Uri node, HttpResponseMessage response)
        {
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                _isThrottled = true;
                throw new ThrottledException(node);
            }
        }

        private Uri Any() => nodes[RandomNumberGenerator.GetInt32(nodes.Count)];
    }
}
