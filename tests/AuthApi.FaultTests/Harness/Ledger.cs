using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace AuthApi.FaultTests.Harness;

/// <summary>
/// What a program has answered about each token: when the call was sent, when it was answered, and how. Each line is on the disk before the next call, so that
/// the ledger too outlives what is done to the machine.
/// </summary>
internal sealed class Ledger : IDisposable
{
    private const int Probes = 8;

    private readonly ConcurrentDictionary<string, State> _states = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _changed = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<string> _wrong = [];
    private readonly FileStream _file;
    private readonly long _began = Stopwatch.GetTimestamp();

    public Ledger(string folder) =>
        _file = new FileStream(Path.Combine(folder, "ledger"), FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 1, FileOptions.WriteThrough);

    private enum State
    {
        /// <summary>The program has said that it is live.</summary>
        Live,

        /// <summary>An end was sent, and answered by 503 or not at all: it may be either.</summary>
        Open,

        /// <summary>The program has said that it has ended.</summary>
        Ended,
    }

    /// <summary>Whether the program is killed or stopped, so that calls are left without an answer.</summary>
    public bool MayBreakOff { get; set; }

    /// <summary>How many ends were acknowledged.</summary>
    public int AcknowledgedEnds => _states.Values.Count(state => state == State.Ended);

    /// <summary>How many acknowledged sessions were not ended.</summary>
    public int Live => _states.Values.Count(state => state == State.Live);

    public void LoggedIn(params IReadOnlyCollection<string> tokens) => Write(tokens, State.Live, "logged in");

    /// <summary>Sends a call that ends a session, and notes how it was answered. What is neither success nor 503 is wrong where a session of these was live.</summary>
    /// <returns>The status; null where the connection broke before there was one.</returns>
    public Task<HttpStatusCode?> EndAsync(string token, Func<Task<HttpResponseMessage>> call) => EndAsync([token], call);

    /// <inheritdoc cref="EndAsync(string, Func{Task{HttpResponseMessage}})"/>
    /// <param name="tokens">The tokens of the sessions that the call ends.</param>
    /// <param name="call">The call.</param>
    /// <param name="refusal">A status that is not wrong beside these.</param>
    public async Task<HttpStatusCode?> EndAsync(IReadOnlyCollection<string> tokens, Func<Task<HttpResponseMessage>> call, HttpStatusCode? refusal = null)
    {
        var live = tokens.Where(token => _states.TryGetValue(token, out var state) && state == State.Live).ToList();
        Write(tokens, State.Open, "end sent");
        try
        {
            using var response = await call();
            var status = response.StatusCode;
            Write(tokens, response.IsSuccessStatusCode ? State.Ended : State.Open, string.Create(CultureInfo.InvariantCulture, $"answered {(int)status}"));
            if (!response.IsSuccessStatusCode && status != HttpStatusCode.ServiceUnavailable && status != refusal)
            {
                live.ForEach(token => _wrong.Add($"{token[..6]} was Live and its end was answered {status}"));
            }

            return status;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or TaskCanceledException)
        {
            if (!MayBreakOff)
            {
                live.ForEach(token => _wrong.Add($"{token[..6]} was Live and its end was not answered: {exception.Message}"));
            }

            return null;
        }
    }

    /// <summary>
    /// Asserts against these nodes that each acknowledged end is final, that each session acknowledged and not ended is live, and that any other is the same
    /// whenever it is asked for; and that no call so far was answered wrongly.
    /// </summary>
    public Task CheckAsync(params Uri[] nodes) => CheckAsync(_states.Keys, nodes);

    /// <summary>The same for those alone that calls were sent about since this was called before.</summary>
    public Task CheckChangedAsync(params Uri[] nodes)
    {
        var changed = _changed.Keys;
        _changed.Clear();
        return CheckAsync(changed, nodes);
    }

    public void Dispose() => _file.Dispose();

    private async Task CheckAsync(IEnumerable<string> tokens, Uri[] nodes)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { Timeout = TimeSpan.FromSeconds(30) };
        var wrong = new ConcurrentBag<string>(_wrong);
        await Parallel.ForEachAsync(tokens, new ParallelOptions { MaxDegreeOfParallelism = Probes }, async (token, cancellationToken) =>
        {
            var state = _states[token];
            var statuses = new List<HttpStatusCode>();
            foreach (var node in state == State.Open ? [.. nodes, .. nodes, .. nodes] : nodes)
            {
                statuses.Add(await ReadStatusAsync(client, node, token, cancellationToken));
            }

            HttpStatusCode[] allowed = state switch
            {
                State.Live => [HttpStatusCode.OK],
                State.Ended => [HttpStatusCode.Unauthorized],
                _ => [HttpStatusCode.OK, HttpStatusCode.Unauthorized],
            };
            if (statuses.Distinct().Count() > 1 || !allowed.Contains(statuses[0]))
            {
                wrong.Add($"{token[..6]} is {state} and was answered {string.Join(", ", statuses)}");
            }
        });

        // The worst first, as few of many are printed: what has ended and was accepted.
        Assert.That(wrong.OrderBy(line => line.Contains("is Live", StringComparison.Ordinal)), Is.Empty, $"{wrong.Count} sessions");
    }

    private static async Task<HttpStatusCode> ReadStatusAsync(HttpClient client, Uri node, string token, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(node, "/me/"));
        request.Headers.TryAddWithoutValidation("Authorization", $"Session {token}");
        using var response = await client.SendAsync(request, cancellationToken);
        return response.StatusCode;
    }

    // All at once: each write waits for the disk.
    private void Write(IReadOnlyCollection<string> tokens, State state, string what)
    {
        var at = Stopwatch.GetElapsedTime(_began).TotalMilliseconds;
        var lines = new StringBuilder();
        foreach (var token in tokens)
        {
            _changed[token] = true;

            // What has ended stays ended in the ledger, whatever a later call answers.
            _states.AddOrUpdate(token, state, (_, before) => before == State.Ended ? before : state);
            lines.Append(CultureInfo.InvariantCulture, $"{at:F3} {token} {what}\n");
        }

        lock (_file)
        {
            _file.Write(Encoding.ASCII.GetBytes(lines.ToString()));
        }
    }
}
