using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace AuthApi.Tests.Harness;

/// <summary>
/// What an application has acknowledged to clients that log in and out all the time: every session is noted with what it must be afterwards. Each fifth stays
/// signed in.
/// </summary>
/// <remarks>
/// It is the clients too, of nodes that are browsed by their cookies, in the memory of the test. The ledger of AuthApi.FaultTests has none of its own: it is a file on the disk that
/// any call of any client is written into before the next one.
/// </remarks>
internal sealed class Ledger(params Func<Browser>[] nodes)
{
    private const int Clients = 8;

    // A node that answers 503 for longer than this has not come back.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly ConcurrentQueue<(KeyValuePair<string, string> Cookie, bool IsLoggedOut, bool IsCertain)> _entries = new();

    /// <summary>Whether nodes and what is before them may be gone for a while; otherwise only the store may be, and the answer is 503.</summary>
    public bool NodesFail { get; init; }

    /// <summary>What the clients' addresses begin with.</summary>
    public string Name { get; init; } = "user";

    /// <summary>Logouts that were acknowledged.</summary>
    public int AcknowledgedLogouts => _entries.Count(entry => entry is { IsLoggedOut: true, IsCertain: true });

    /// <summary>Registers the clients.</summary>
    public async Task SignUpAsync()
    {
        using var browser = nodes[0]();
        for (var client = 0; client < Clients; client++)
        {
            using var response = await browser.PostAsync("/register/", new { email = Email(client), password = Browser.Password });
            Assert.That(response.IsSuccessStatusCode, Is.True, await response.Content.ReadAsStringAsync());
        }
    }

    /// <summary>Keeps the nodes busy, and does something when so many sessions have been noted; then the clients end.</summary>
    public async Task RunAsync(int sessions, Func<Task> action)
    {
        using var ending = new CancellationTokenSource();
        var (began, since) = (_entries.Count, Stopwatch.GetTimestamp());
        var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(() => LogInAndOutAsync(nodes[client % nodes.Length], Email(client), ending.Token))).ToArray();
        try
        {
            while (_entries.Count < began + sessions && !clients.Any(client => client.IsFaulted))
            {
                Assert.That(Stopwatch.GetElapsedTime(since), Is.LessThan(Patience), $"{_entries.Count - began} of {sessions} sessions were noted");
                await Task.Delay(1, CancellationToken.None);
            }

            await action();
        }
        finally
        {
            await ending.CancelAsync();
        }

        await Task.WhenAll(clients);
    }

    /// <summary>Asserts that each acknowledged login that was not logged out is live on all nodes, and that no other acknowledged session is.</summary>
    public async Task CheckAsync()
    {
        foreach (var (cookie, isLoggedOut, isCertain) in _entries)
        {
            var statuses = new List<HttpStatusCode>();
            foreach (var node in nodes.Append(nodes[0]))
            {
                using var browser = node();
                browser.Cookies[cookie.Key] = cookie.Value;
                statuses.Add(await browser.MeAsync());
            }

            Assert.That(statuses, Is.All.EqualTo(statuses[0]), "the same on each node, whatever it is");
            Assert.That(
                statuses[0],
                isCertain ? Is.EqualTo(isLoggedOut ? HttpStatusCode.Unauthorized : HttpStatusCode.OK) : Is.EqualTo(HttpStatusCode.Unauthorized).Or.EqualTo(HttpStatusCode.OK));
        }
    }

    private string Email(int client) => $"{Name}{client}@example.com";

    private async Task LogInAndOutAsync(Func<Browser> node, string email, CancellationToken cancellationToken)
    {
        for (var i = 0; !cancellationToken.IsCancellationRequested; i++)
        {
            using var browser = node();
            if (await StatusAsync(() => browser.PostAsync("/login/", new { email, password = Browser.Password })) != HttpStatusCode.OK)
            {
                continue;
            }

            var cookie = browser.Cookies.Single();
            if (i % 5 == 0)
            {
                _entries.Enqueue((cookie, false, true));
                continue;
            }

            var status = await StatusAsync(() => browser.LogOutAsync());
            _entries.Enqueue((cookie, true, status == HttpStatusCode.OK));
        }
    }

    private async Task<HttpStatusCode?> StatusAsync(Func<Task<HttpResponseMessage>> send)
    {
        try
        {
            using var response = await send();
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.ServiceUnavailable).Or.Matches<HttpStatusCode>(_ => NodesFail));
            return response.StatusCode;
        }
        catch (HttpRequestException) when (NodesFail)
        {
            return null;
        }
    }
}
