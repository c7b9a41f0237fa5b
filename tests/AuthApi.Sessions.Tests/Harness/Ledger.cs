using System.Collections.Concurrent;
using System.Net;

namespace AuthApi.Sessions.Tests;

/// <summary>
/// What an application has acknowledged to clients that log in and out all the time: every session is noted with what it must be afterwards. Each fifth stays
/// signed in.
/// </summary>
internal sealed class Ledger(params StockApplication[] nodes)
{
    private const int Clients = 8;

    private readonly ConcurrentQueue<(string Token, bool IsLoggedOut, bool IsCertain)> _entries = new();

    /// <summary>Logouts that were acknowledged.</summary>
    public int AcknowledgedLogouts => _entries.Count(entry => entry is { IsLoggedOut: true, IsCertain: true });

    public async Task SignUpAsync()
    {
        using var browser = nodes[0].NewBrowser();
        for (var client = 0; client < Clients; client++)
        {
            await browser.SignUpAsync(Email(client));
        }
    }

    /// <summary>Keeps the nodes busy, and does something when so many sessions have been noted; then the clients end.</summary>
    public async Task RunAsync(int sessions, Func<Task> action)
    {
        using var ending = new CancellationTokenSource();
        var began = _entries.Count;
        var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(() => LogInAndOutAsync(nodes[client % nodes.Length], Email(client), ending.Token))).ToArray();
        while (_entries.Count < began + sessions && !clients.Any(client => client.IsFaulted))
        {
            await Task.Delay(1, CancellationToken.None);
        }

        await action();
        await ending.CancelAsync();
        await Task.WhenAll(clients);
    }

    /// <summary>Asserts that each acknowledged login that was not logged out is live on all nodes, and that no other acknowledged session is.</summary>
    public async Task CheckAsync()
    {
        foreach (var (token, isLoggedOut, isCertain) in _entries)
        {
            var statuses = new List<HttpStatusCode>();
            foreach (var node in nodes.Append(nodes[0]))
            {
                using var browser = node.NewBrowser();
                browser.Cookies["__Host-session"] = token;
                statuses.Add(await browser.MeAsync());
            }

            Assert.That(statuses, Is.All.EqualTo(statuses[0]), "the same on each node, whatever it is");
            Assert.That(
                statuses[0],
                isCertain ? Is.EqualTo(isLoggedOut ? HttpStatusCode.Unauthorized : HttpStatusCode.OK) : Is.EqualTo(HttpStatusCode.Unauthorized).Or.EqualTo(HttpStatusCode.OK));
        }
    }

    private static string Email(int client) => $"user{client}@example.com";

    private async Task LogInAndOutAsync(StockApplication node, string email, CancellationToken cancellationToken)
    {
        for (var i = 0; !cancellationToken.IsCancellationRequested; i++)
        {
            using var browser = node.NewBrowser();
            using var login = await browser.PostAsync("/login/", new { email, password = Browser.Password });
            if (login.StatusCode != HttpStatusCode.OK)
            {
                Assert.That(login.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
                continue;
            }

            var token = browser.Token;
            if (i % 5 == 0)
            {
                _entries.Enqueue((token, false, true));
                continue;
            }

            using var logout = await browser.LogOutAsync();
            Assert.That(logout.StatusCode, Is.EqualTo(HttpStatusCode.OK).Or.EqualTo(HttpStatusCode.ServiceUnavailable));
            _entries.Enqueue((token, true, logout.StatusCode == HttpStatusCode.OK));
        }
    }
}
