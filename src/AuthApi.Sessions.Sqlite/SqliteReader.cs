namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// Reads the application's database by prepared statements on connections that stay open: for an <see cref="ISessionPrincipalFactory"/> of the
/// application's own, which runs at the first use of each session.
/// </summary>
public sealed class SqliteReader
{
    private readonly ReadConnectionPool _connections;

    internal SqliteReader(ReadConnectionPool connections) => _connections = connections;

    /// <summary>Runs statements on one connection.</summary>
    /// <param name="read">Runs them. The connection is its until it completes.</param>
    public Task<TResult> ReadAsync<TResult>(Func<PreparedConnection, Task<TResult>> read) => _connections.ReadAsync(read);
}
