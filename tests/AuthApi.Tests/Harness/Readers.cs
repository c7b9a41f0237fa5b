using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace AuthApi.Tests.Harness;

/// <summary>Users who call <c>GET /me/</c> all the time, one call after the other.</summary>
internal sealed class Readers : IAsyncDisposable
{
    private readonly ConcurrentQueue<(HttpStatusCode Status, TimeSpan Took)> _answers = new();
    private readonly CancellationTokenSource _ending = new();
    private readonly int[] _counts;
    private readonly Task _reading;

    /// <summary>Starts one for each browser, which it disposes of.</summary>
    public Readers(IReadOnlyList<Browser> browsers)
    {
        _counts = new int[browsers.Count];
        _reading = Task.WhenAll(browsers.Select((browser, reader) => Task.Run(() => ReadAsync(browser, reader))));
    }

    /// <summary>The status of each answer so far, and how long it took.</summary>
    public IReadOnlyCollection<(HttpStatusCode Status, TimeSpan Took)> Answers => _answers;

    /// <summary>Completes when each of them has got so many more answers, and fails when that takes longer than the limit.</summary>
    public async Task GetAnswersAsync(int each, TimeSpan limit)
    {
        var began = Stopwatch.GetTimestamp();
        var wanted = _counts.Select(count => count + each).ToArray();
        while (wanted.Where((count, reader) => Volatile.Read(ref _counts[reader]) < count).Any())
        {
            Assert.That(Stopwatch.GetElapsedTime(began), Is.LessThan(limit), "until all readers are answered");
            await Task.WhenAny(_reading, Task.Delay(1));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _reading;
        _ending.Dispose();
    }

    private async Task ReadAsync(Browser browser, int reader)
    {
        using (browser)
        {
            while (!_ending.IsCancellationRequested)
            {
                var began = Stopwatch.GetTimestamp();
                var status = await browser.MeAsync();
                _answers.Enqueue((status, Stopwatch.GetElapsedTime(began)));
                Interlocked.Increment(ref _counts[reader]);
            }
        }
    }
}
