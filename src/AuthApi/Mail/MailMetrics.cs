using System.Diagnostics.Metrics;
using AuthApi.Startup;

namespace AuthApi.Mail;

/// <summary>What becomes of messages, in numbers.</summary>
internal sealed class MailMetrics
{
    private readonly TimeProvider _time;
    private readonly Counter<long> _attempts;
    private readonly ObservableGauge<int> _queue;
    private readonly ObservableGauge<double> _age;
    private volatile Queued? _queued;

    public MailMetrics(IMeterFactory meters, TimeProvider time)
    {
        _time = time;
        var meter = meters.CreateMeter();
        _attempts = meter.CreateCounter<long>("authapi.mail.attempts", "{message}", "Attempts to send a message, by the result.");
        _queue = meter.CreateObservableGauge("authapi.mail.queue", ReadCount, "{message}", "Messages in the queue.");
        _age = meter.CreateObservableGauge("authapi.mail.queue.age", ReadAge, "s", "The age of the oldest message in the queue.");
    }

    /// <summary>Whether anybody looks at the queue, which costs a query to count.</summary>
    public bool IsQueueWatched => _queue.Enabled || _age.Enabled;

    /// <summary>A message was tried to be sent.</summary>
    /// <param name="result"><c>sent</c>; <c>unreachable</c> or <c>deferred</c>, after which it is tried again; <c>refused</c> or <c>expired</c>, after which it is not.</param>
    public void Tried(string result) => _attempts.Add(1, new KeyValuePair<string, object?>("result", result));

    /// <summary>The queue has been counted.</summary>
    /// <param name="count">How many messages are in it.</param>
    /// <param name="oldest">When the oldest was added.</param>
    public void Counted(int count, DateTimeOffset? oldest) => _queued = new Queued(count, oldest);

    private IEnumerable<Measurement<int>> ReadCount() => _queued is { } queued ? [new(queued.Count)] : [];

    private IEnumerable<Measurement<double>> ReadAge() =>
        _queued is { } queued ? [new(queued.Oldest is { } oldest ? Math.Max(0, (_time.GetUtcNow() - oldest).TotalSeconds) : 0)] : [];

    private sealed record Queued(int Count, DateTimeOffset? Oldest);
}
