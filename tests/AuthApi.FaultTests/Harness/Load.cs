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
    private long _slowest;

    /// <summary>Whether a client ends where its connection breaks; otherwise it goes on with the next token.</summary>
    public bool BreaksOff { get; init; }

    /// <summary>How the calls were answered; null where the connection broke.</summary>
    public ConcurrentQueue<HttpStatusCode?> Answers { get; } = new();

    /// <summary>The time of the slowest call that ends a session, from when it was sent to its answer or the break of its connection.</summary>
    public TimeSpan Slowest => TimeSpan.FromTicks(Volatile.Read(ref _slowest));

    /// <summary>How many answers said that the connection closes.</summary>
    public int Closing => _closing;

    /// <summary>Logs tokens out, one call after another on each of some connections, until none is left or the load ends.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="connections">The number of connections.</param>
    /// <param name="ending">Ends the load.</param>
    /// <param name="again">After how long a token whose logout was 503 is logged out again; it is not, where there is none.</param>
    public Task LogOutAsync(ConcurrentQueue<string> tokens, int connections, CancellationToken ending, TimeSpan? again = null) =>
        Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(
            async () =>
            {
                while (!ending.IsCancellationRequested && tokens.TryDequeue(out var token))
                {
                    var status = await EndAsync(token, HttpMethod.Post, "/logout/");
                    if (status is null && BreaksOff)
                    {
                        return;
                    }

                    if (status == HttpStatusCode.ServiceUnavailable && again is { } pause)
                    {
                        tokens.Enqueue(token);
                        await Task.Delay(pause, CancellationToken.None);
                    }
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
        var sent = 0L;
        var status = await ledger.EndAsync(token, () =>
        {
            sent = Stopwatch.GetTimestamp(); // after the ledger's own write
            return SendAsync(token, method, path);
        });
        var elapsed = Stopwatch.GetElapsedTime(sent).Ticks;
        for (var before = _slowest; elapsed > before; before = _slowest)
        {
            Interlocked.CompareExchange(ref _slowest, elapsed, before);
        }

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
