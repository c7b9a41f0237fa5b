namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// The right to write to the database, which SQLite gives to one connection at a time: the writer takes it for a batch, a database context for a transaction. First come, first
/// served, and waiting for it blocks no thread of the pool, where SQLite's own lock blocks one and serves the first that polls.
/// </summary>
internal sealed class WriteSlot : IDisposable
{
    // With WaitAsync alone it hands over in the order of arrival.
    private readonly SemaphoreSlim _slot = new(1, 1);

    /// <returns>Whether it was free in time. The caller then owes an <see cref="Exit"/>.</returns>
    public Task<bool> TryEnterAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => _slot.WaitAsync(timeout, cancellationToken);

    public Task EnterAsync() => _slot.WaitAsync();

    public void Exit() => _slot.Release();

    public void Dispose() => _slot.Dispose();
}
