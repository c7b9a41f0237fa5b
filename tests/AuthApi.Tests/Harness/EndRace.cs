using System.Collections.Concurrent;
using System.Net;

namespace AuthApi.Tests.Harness;

/// <summary>
/// Requests that are under way while something is ended, in many rounds. What is sent after the end was acknowledged must be refused; what was sent before may be
/// either.
/// </summary>
/// <param name="refused">The status of a request that comes too late.</param>
internal sealed class EndRace(HttpStatusCode refused)
{
    private readonly ConcurrentQueue<HttpStatusCode> _others = new();
    private int _acceptedBeside;
    private int _refusedBeside;
    private int _refusedAfter;
    private int _acceptedAfter;

    /// <summary>Requests that were sent after the acknowledgement and accepted.</summary>
    public int AcceptedAfter => _acceptedAfter;

    /// <summary>Keeps each client asking, one request after the other, from before the end until one that was sent after it is answered.</summary>
    public async Task RunAsync(IReadOnlyList<Func<Task<HttpStatusCode>>> clients, Func<Task> end)
    {
        var (isUnderWay, isAcknowledged) = (false, false);
        var asking = clients.Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToArray();
        var answered = Task.WhenAll(clients.Select((ask, i) => Task.Run(() => AskAsync(ask, asking[i]))));
        await Task.WhenAny(answered, Task.WhenAll(asking.Select(one => one.Task)));
        Volatile.Write(ref isUnderWay, true);
        try
        {
            await end();
        }
        finally
        {
            Volatile.Write(ref isAcknowledged, true);
            await answered;
        }

        async Task AskAsync(Func<Task<HttpStatusCode>> ask, TaskCompletionSource first)
        {
            bool isAfter;
            do
            {
                isAfter = Volatile.Read(ref isAcknowledged);
                var status = await ask();
                Note(status, isAfter, isBeside: Volatile.Read(ref isUnderWay));
                first.TrySetResult();
            }
            while (!isAfter);
        }
    }

    /// <summary>Asserts that nothing was accepted that was sent after an acknowledgement, and that enough was seen to say so.</summary>
    /// <param name="after">How many requests were sent after an acknowledgement.</param>
    public void Check(int after)
    {
        TestContext.Out.WriteLine(
            $"beside the end {_acceptedBeside} requests were accepted and {_refusedBeside} refused; of those sent after it {_refusedAfter} were refused and {_acceptedAfter} accepted");
        Assert.That(_acceptedAfter, Is.Zero, "requests that were sent after the acknowledgement and accepted");
        Assert.That(_others, Is.Empty, "answers that are neither");
        Assert.That(_refusedAfter, Is.EqualTo(after), "requests that were sent after the acknowledgement and refused");
        Assert.That(_acceptedBeside, Is.Positive, "requests that were accepted while the end was under way");
    }

    private void Note(HttpStatusCode status, bool isAfter, bool isBeside)
    {
        if (status != HttpStatusCode.OK && status != refused)
        {
            _others.Enqueue(status);
        }
        else if (isAfter)
        {
            Interlocked.Increment(ref status == refused ? ref _refusedAfter : ref _acceptedAfter);
        }
        else if (isBeside)
        {
            Interlocked.Increment(ref status == refused ? ref _refusedBeside : ref _acceptedBeside);
        }
    }
}
