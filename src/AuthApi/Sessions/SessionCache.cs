using BitFaster.Caching.Lru;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Cached sessions, bounded in number. A hit takes no lock. What has been forgotten never comes back by a read that
/// began before: every reading is stamped with the cache's clock when it begins, every forgetting moves the clock on, and
/// what was read before it was forgotten is not kept.
/// </summary>
/// <remarks>
/// The clock counts forgettings; it has nothing to do with time, so no delay, however long, and no change of the system's
/// clock can outlast it. Tokens and users share a fixed number of stripes. Two that share one make each other read
/// the row again, and nothing worse, so the memory for remembering is constant.
/// </remarks>
public sealed class SessionCache(IOptions<UserSessionOptions> options)
{
    private const int Stripes = 1024;

    // In equal parts for what has come, what is used again and what leaves. By default four fifths are for what is used again, and a session
    // that was used once would be gone after a tenth of the cache's size of others.
    private readonly ConcurrentLru<TokenHash, Entry> _sessions = new(
        Environment.ProcessorCount, new EqualCapacityPartition(options.Value.CacheSize), EqualityComparer<TokenHash>.Default);
    private readonly Stripe[] _tokens = CreateStripes();
    private readonly Stripe[] _users = CreateStripes();
    private long _clock;
    private long _stale;

    /// <summary>The number of look-ups that found a session.</summary>
    public long Hits => (_sessions.Metrics.Value?.Hits ?? 0) - Interlocked.Read(ref _stale);

    /// <summary>The number of look-ups that found none, or a stale one.</summary>
    public long Misses => (_sessions.Metrics.Value?.Misses ?? 0) + Interlocked.Read(ref _stale);

    /// <summary>The number of cached sessions.</summary>
    public int Count => _sessions.Count;

    /// <summary>To be called before the row is read; the stamp goes with what is then added.</summary>
    public long BeginRead() => Volatile.Read(ref _clock);

    public CachedSession? Find(TokenHash tokenHash)
    {
        if (!_sessions.TryGet(tokenHash, out var entry))
        {
            return null;
        }

        if (entry.Session is not { } session || IsStale(session))
        {
            Interlocked.Increment(ref _stale);
            return null;
        }

        return session;
    }

    /// <summary>Keeps what was read, unless it has been forgotten since the reading began.</summary>
    /// <returns>Whether it was kept.</returns>
    public bool TryAdd(TokenHash tokenHash, CachedSession session)
    {
        var stripe = StripeOf(tokenHash);
        lock (stripe)
        {
            if (stripe.ForgottenAt > session.ReadAt || IsStale(session))
            {
                return false;
            }

            _sessions.AddOrUpdate(tokenHash, new Entry(session));
            return true;
        }
    }

    /// <summary>Forgets a session that has ended. Call it when the end is durable, and before it is acknowledged.</summary>
    public void Forget(TokenHash tokenHash)
    {
        var stripe = StripeOf(tokenHash);
        lock (stripe)
        {
            stripe.ForgottenAt = Interlocked.Increment(ref _clock);
            _sessions.TryRemove(tokenHash);
        }
    }

    /// <summary>Forgets all the sessions of a user who has changed.</summary>
    public void ForgetUser(int userId) => Forget(StripeOf(userId));

    /// <summary>Forgets every session, as after a change to a role.</summary>
    public void ForgetEveryone()
    {
        foreach (var stripe in _users)
        {
            Forget(stripe);
        }
    }

    private static Stripe[] CreateStripes() => [.. Enumerable.Range(0, Stripes).Select(_ => new Stripe())];

    private void Forget(Stripe stripe)
    {
        lock (stripe)
        {
            Volatile.Write(ref stripe.ForgottenAt, Interlocked.Increment(ref _clock));
        }
    }

    private bool IsStale(CachedSession session) => Volatile.Read(ref StripeOf(session.Session.UserId).ForgottenAt) > session.ReadAt;

    private Stripe StripeOf(TokenHash tokenHash) => _tokens[tokenHash.GetHashCode() & (Stripes - 1)];

    private Stripe StripeOf(int userId) => _users[userId & (Stripes - 1)];

    // The cache's queues keep an item that was removed until it has moved through them. The cache disposes it at once, so the session can be collected.
    // Otherwise each collection copies the sessions that have ended since the last one.
    private sealed class Entry(CachedSession session) : IDisposable
    {
        private volatile CachedSession? _session = session;

        public CachedSession? Session => _session;

        public void Dispose() => _session = null;
    }

    private sealed class Stripe
    {
        public long ForgottenAt;
    }
}
