using System.Collections.Concurrent;
using System.Threading.Channels;

namespace AuthApi.Sessions;

/// <summary>Last uses that are not persisted yet: at most one for each session, however often it is used.</summary>
internal sealed class LastSeenTracker(IUserSessionStore store)
{
    private const int Batch = 500;

    // Some megabytes. More than so many used sessions in an interval are written earlier.
    private const int Many = 50_000;

    private readonly ConcurrentDictionary<TokenHash, LastSeen> _pending = new();
    private readonly Channel<bool> _many = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Channel<KeyValuePair<TokenHash, LastSeen>> _urgent = Channel.CreateUnbounded<KeyValuePair<TokenHash, LastSeen>>();
    private int _count;

    /// <summary>How many there are.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Whether they should be written now, without waiting for the interval.</summary>
    public bool AreMany => Count >= Many;

    /// <summary>Notes a last use.</summary>
    /// <param name="tokenHash">The session's.</param>
    /// <param name="lastSeen">The use.</param>
    /// <param name="isUrgent">Whether it should be written now.</param>
    public void Add(TokenHash tokenHash, LastSeen lastSeen, bool isUrgent = false)
    {
        if (isUrgent)
        {
            _urgent.Writer.TryWrite(new(tokenHash, lastSeen));
        }

        while (!_pending.TryAdd(tokenHash, lastSeen))
        {
            if (_pending.TryGetValue(tokenHash, out var known) && _pending.TryUpdate(tokenHash, lastSeen, known))
            {
                return;
            }
        }

        if (Interlocked.Increment(ref _count) == Many)
        {
            _many.Writer.TryWrite(true);
        }
    }

    /// <summary>Completes when there have come to be many.</summary>
    public Task WaitForManyAsync(CancellationToken cancellationToken) => _many.Reader.ReadAsync(cancellationToken).AsTask();

    /// <summary>Completes when there is a use that should be written now.</summary>
    public Task WaitForUrgentAsync(CancellationToken cancellationToken) => _urgent.Reader.WaitToReadAsync(cancellationToken).AsTask();

    public LastSeen? Find(TokenHash tokenHash) => _pending.TryGetValue(tokenHash, out var lastSeen) ? lastSeen : null;

    /// <summary>The last use of a session that is known: by the store, or here.</summary>
    public LastSeen LastUse(UserSession session) => LastUse(session, Find(session.TokenHash));

    /// <summary>The later of what the row says and <paramref name="pending"/>.</summary>
    public static LastSeen LastUse(UserSession session, LastSeen? pending) => pending is { } known && known.At >= session.LastSeenAt
        ? known
        : new LastSeen(
            session.UserId,
            session.Id,
            session.LastSeenAt,
            session.IdleExpiresAt,
            new ClientInfo(session.LastIpAddress ?? session.IpAddress, session.LastUserAgent ?? session.UserAgent));

    public void Remove(TokenHash tokenHash)
    {
        if (_pending.TryRemove(tokenHash, out _))
        {
            Interlocked.Decrement(ref _count);
        }
    }

    /// <summary>Writes what is pending now. What the store did not take is kept for the next time.</summary>
    public async Task FlushAsync()
    {
        foreach (var batch in _pending.Chunk(Batch))
        {
            await WriteAsync(batch);
        }
    }

    /// <summary>Writes the uses that should be written now, and no others. What the store did not take is still pending.</summary>
    public async Task FlushUrgentAsync()
    {
        var batch = new List<KeyValuePair<TokenHash, LastSeen>>();
        while (batch.Count < Batch && _urgent.Reader.TryRead(out var use))
        {
            batch.Add(use);
        }

        // The last of each session.
        await WriteAsync(batch.GroupBy(use => use.Key).Select(uses => uses.Last()).ToArray());
    }

    private async Task WriteAsync(KeyValuePair<TokenHash, LastSeen>[] batch)
    {
        await store.WriteLastSeenAsync([.. batch.Select(pair => pair.Value)]);
        foreach (var written in batch)
        {
            // Only if no later use has come in while this one was being written.
            if (_pending.TryRemove(written))
            {
                Interlocked.Decrement(ref _count);
            }
        }
    }
}
