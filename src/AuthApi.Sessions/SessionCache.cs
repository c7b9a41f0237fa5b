using BitFaster.Caching.Lru;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Cached sessions, bounded in number. A hit takes no lock. What has been invalidated is never cached again by a read that
/// began before: every read is stamped with the cache's clock when it begins, every invalidation moves the clock on, and
/// what was read before its invalidation is not cached.
/// </summary>
/// <remarks>
/// The clock counts invalidations; it has nothing to do with time, so no delay, however long, and no change of the system's
/// clock can outlast it. Tokens and users share a fixed number of stripes. Two that share one make each other read
/// the row again, and nothing worse, so the memory for it is constant.
/// </remarks>
internal sealed class SessionCache(IOptions<UserSessionOptions> options)
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

    public LiveSession? Find(TokenHash tokenHash)
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

    /// <summary>Keeps what was read, unless it has been invalidated since the read began.</summary>
    /// <returns>Whether it was kept.</returns>
    public bool TryAdd(TokenHash tokenHash, LiveSession session)
    {
        var stripe = StripeOf(tokenHash);
        lock (stripe)
        {
            if (stripe.InvalidatedAt > session.ReadAt || IsStale(session))
            {
                return false;
            }

            _sessions.AddOrUpdate(tokenHash, new Entry(session));
            return true;
        }
    }

    /// <summary>Evicts a session that has ended. Call it when the end is durable, and before it is acknowledged.</summary>
    public void Invalidate(TokenHash tokenHash)
    {
        var stripe = StripeOf(tokenHash);
        lock (stripe)
        {
            stripe.InvalidatedAt = Interlocked.Increment(ref _clock);
            _sessions.TryRemove(tokenHash);
        }
    }

    /// <summary>Invalidates all the sessions of a user who has changed.</summary>
    public void InvalidateUser(string userId) => Invalidate(StripeOf(userId));

    /// <summary>Caches no session of a user until <see cref="Resume"/>, because a change to the user is being committed.</summary>
    public void Suspend(string userId)
    {
        var stripe = StripeOf(userId);
        Interlocked.Increment(ref stripe.Suspensions);
        Invalidate(stripe);
    }

    /// <summary>Caches sessions of a user again, from the rows as they are now.</summary>
    public void Resume(string userId)
    {
        var stripe = StripeOf(userId);
        Invalidate(stripe);
        Interlocked.Decrement(ref stripe.Suspensions);
    }

    /// <summary>Invalidates every session, as after a change to a role.</summary>
    public void InvalidateEveryone()
    {
        foreach (var stripe in _users)
        {
            Invalidate(stripe);
        }
    }

    private static Stripe[] CreateStripes() => [.. Enumerable.Range(0, Stripes).Select(_ => new Stripe())];

    private void Invalidate(Stripe stripe)
    {
        lock (stripe)
        {
            Volatile.Write(ref stripe.InvalidatedAt, Interlocked.Increment(ref _clock));
        }
    }

    private bool IsStale(LiveSession session)
    {
        var stripe = StripeOf(session.Session.UserId);
        return Volatile.Read(ref stripe.InvalidatedAt) > session.ReadAt || Volatile.Read(ref stripe.Suspensions) > 0;
    }

    private Stripe StripeOf(TokenHash tokenHash) => _tokens[tokenHash.GetHashCode() & (Stripes - 1)];

    private Stripe StripeOf(string userId) => _users[userId.GetHashCode() & (Stripes - 1)];

    // The cache's queues keep an item that was removed until it has moved through them. The cache disposes it at once, so the session can be collected.
    // Otherwise each collection copies the sessions that have ended since the last one.
    private sealed class Entry(LiveSession session) : IDisposable
    {
        private volatile LiveSession? _session = session;

        public LiveSession? Session => _session;

        public void Dispose() => _session = null;
    }

    private sealed class Stripe
    {
        public long InvalidatedAt;
        public int Suspensions;
    }
}
