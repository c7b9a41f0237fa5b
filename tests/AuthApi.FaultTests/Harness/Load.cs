using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace AuthApi.FaultTests.Harness;

/// <summary>Clients that keep a program busy and write into the ledger what it answers them.</summary>
/// <param name="address">Where the program listens.</param>
/// <param name="ledger">The ledger.</param>
/// <param name="version">The version of HTTP, 1.1 if it is not said.</param>
internal sealed class Load(Uri address, Ledger ledger, Version? version = null) : IDisposable
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };

    private int _closing;

    /// <summary>How the calls were answered; null where the connection broke.</summary>
    public ConcurrentQueue<HttpStatusCode?> Answers { get; } = new();

    /// <summary>How many answers said that the connection closes.</summary>
    public int Closing => _closing;

    /// <summary>Logs tokens out, one call after another on each of some connections, until none is left or the load ends.</summary>
    public Task LogOutAsync(ConcurrentQueue<string> tokens, int connections, CancellationToken ending) =>
        Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(
            async () =>
            {
                while (!ending.IsCancellationRequested && tokens.TryDequeue(out var token))
                {
                    await EndAsync(token, HttpMethod.Post, "/logout/");
                }
            },
            CancellationToken.None)));

    /// <summary>Logs so many tokens out, one after another; each must be acknowledged.</summary>
    /// <returns>The time that 99 of 100 of these logouts took at most.</returns>
    public async Task<TimeSpan> P99OfLogoutsAsync(Queue<string> tokens, int count)
    {
        var times = new List<TimeSpan>();
        for (var i = 0; i < count; i++)
        {
            var sent = Stopwatch.GetTimestamp();
            Assert.That(await EndAsync(tokens.Dequeue(), HttpMethod.Post, "/logout/"), Is.EqualTo(HttpStatusCode.OK));
            times.Add(Stopwatch.GetElapsedTime(sent));
        }

        times.Sort();
        return times[times.Count * 99 / 100];
    }

    /// <summary>Sends a call of a session that ends it.</summary>
    /// <returns>The status; null where the connection broke before there was one.</returns>
    public async Task<HttpStatusCode?> EndAsync(string token, HttpMethod method, string path)
    {
        var status = await ledger.EndAsync(token, () => SendAsync(token, method, path));
        Answers.Enqueue(status);
        return status;
    }

    public async Task<HttpResponseMessage> SendAsync(string token, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path) { Version = version ?? HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.TryAddWithoutValidation("Authorization", $"Session {token}");
        var response = await _client.SendAsync(request);
        if (response.Headers.ConnectionClose == true)
        {
            Interlocked.Increment(ref _closing);
        }

        return response;
    }

    public void Dispose() => _client.Dispose();
}
