using System.Diagnostics.Metrics;

namespace AuthApi.Sessions;

/// <summary>
/// What sessions come to, in numbers. A signed-in request pays for none of it: what the cache finds is counted by the cache, and read here
/// when somebody looks.
/// </summary>
internal sealed class SessionMetrics
{
    private readonly Counter<long> _started;
    private readonly Counter<long> _ended;
    private readonly ObservableGauge<long> _live;
    private long _liveCount;
    private volatile bool _isCounted;

    public SessionMetrics(IMeterFactory meters, SessionCache cache)
    {
        var meter = meters.Create(SessionMeter.Name);
        _started = meter.CreateCounter<long>("authapi.sessions.started", "{session}", "Sessions that were started.");
        _ended = meter.CreateCounter<long>("authapi.sessions.ended", "{session}", "Sessions that ended, by the reason.");
        _live = meter.CreateObservableGauge("authapi.sessions.live", ReadLive, "{session}", "Live sessions in the store.");
        meter.CreateObservableCounter("authapi.sessions.cache.hits", () => cache.Hits, "{lookup}", "Sessions that were found in memory.");
        meter.CreateObservableCounter("authapi.sessions.cache.misses", () => cache.Misses, "{lookup}", "Tokens that were looked for in the store.");
    }

    /// <summary>Whether anybody looks at the number of live sessions, which costs a query to count.</summary>
    public bool IsLiveWatched => _live.Enabled;

    /// <summary>A session has been started, durably.</summary>
    public void Started(SessionTransport transport)
    {
        Interlocked.Increment(ref _liveCount);
        _started.Add(1, new KeyValuePair<string, object?>("transport", transport == SessionTransport.Header ? "header" : "cookie"));
    }

    /// <summary>A session has ended, durably.</summary>
    public void Ended(string how)
    {
        Interlocked.Decrement(ref _liveCount);
        _ended.Add(1, new KeyValuePair<string, object?>("reason", ReasonOf(how)));
    }

    /// <summary>The live sessions have been counted in the store.</summary>
    public void Counted(int live)
    {
        Interlocked.Exchange(ref _liveCount, live);
        _isCounted = true;
    }

    // Dashboards and alerts name these.
    private static string ReasonOf(string how) => how switch
    {
        AuditEvent.SignedOut => "signed_out",
        AuditEvent.SessionRevoked => "revoked",
        AuditEvent.SessionReplaced => "replaced",
        AuditEvent.SessionExpired => "expired",
        AuditEvent.SessionEvicted => "evicted",
        _ => how,
    };

    // Between two counts it follows what this process starts and ends. Before the first there is nothing to go by.
    private IEnumerable<Measurement<long>> ReadLive() => _isCounted ? [new(Interlocked.Read(ref _liveCount))] : [];
}
