using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>
/// The connections of the store, for statements of the application's own: as of an <see cref="ISessionPrincipalFactory"/>, which runs at the first use of
/// each session. Statements are prepared after their first uses, and a server that does not answer is an error within two seconds.
/// </summary>
public sealed class PostgreSqlConnections
{
    private readonly PostgreSqlDatabase _database;
    private readonly SharedRead _reads;

    internal PostgreSqlConnections(PostgreSqlDatabase database, SharedRead reads) => (_database, _reads) = (database, reads);

    /// <summary>The source of the connections. It is disposed with the application's services.</summary>
    public NpgsqlDataSource DataSource => _database.DataSource;

    /// <summary>
    /// Runs statements for a request where the server answers, and gives them up after two seconds, without a thread of the pool that waits. They may yet be committed then.
    /// </summary>
    /// <param name="statements">Runs them on a connection, and ends when the token is cancelled.</param>
    /// <exception cref="StoreUnavailableException">The server does not answer, or they took longer.</exception>
    /// <exception cref="NpgsqlException">The server cannot be reached, or refused a statement.</exception>
    public async Task<TResult> RunAsync<TResult>(Func<NpgsqlConnection, CancellationToken, Task<TResult>> statements)
    {
        await _reads.EnsureAnsweringAsync();
        return await _database.RunAsync(statements);
    }

    /// <summary>
    /// Completes when the server has answered within the last 20 ms, or answers within a second; at once while the program starts or ends. Npgsql blocks a thread of the pool for
    /// each statement that it gives up, so a statement that may find the server out of reach awaits this first: those that wait at the same time share one read.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The server did not answer within a second.</exception>
    /// <exception cref="NpgsqlException">The server cannot be reached.</exception>
    public Task EnsureAnsweringAsync() => _reads.EnsureAnsweringAsync();
}
