using System.Collections.Concurrent;

namespace AuthApi.Sessions;

/// <summary>The last uses that the store has not been told yet: at most one a session, however often it is used.</summary>
public sealed class LastSeenTracker(IUserSessionStore store)
{
    private const int Batch = 500;

    private readonly ConcurrentDictionary<TokenHash, LastSeen> _unwritten = new();

    public void Add(TokenHash tokenHash, LastSeen lastSeen) => _unwritten[tokenHash] = lastSeen;

    public LastSeen? Find(TokenHash tokenHash) => _unwritten.TryGetValue(tokenHash, out var lastSeen) ? lastSeen : null;

    /// <summary>The last use of a session that is known: by the store, or here.</summary>
    public DateTimeOffset LastUse(UserSession session) => Find(session.TokenHash) is { } unwritten && unwritten.At > session.LastSeenAt
        ? unwritten.At
        : session.LastSeenAt;

    public void Forget(TokenHash tokenHash) => _unwritten.TryRemove(tokenHash, out _);

    /// <summary>Writes what is unwritten now. What the store did not take is kept for the next time.</summary>
    public async Task FlushAsync()
    {
        foreach (var batch in _unwritten.Chunk(Batch))
        {
            await store.WriteLastSeenAsync([.. batch.Select(pair => pair.Value)]);
            foreach (var written in batch)
            {
                // Only if no later use has come in while this one was being written.
                _unwritten.TryRemove(written);
            }
        }
    }
}
