using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>
/// The connections of the store, for statements of the application's own: as of an <see cref="ISessionPrincipalFactory"/>, which runs at the first use of
/// each session. Statements are prepared after their first uses, and a server that does not answer is an error within two seconds.
/// </summary>
public sealed class PostgreSqlConnections
{
    private readonly PostgreSqlDatabase _database;

    internal PostgreSqlConnections(PostgreSqlDatabase database) => _database = database;

    /// <summary>The source of the connections. It is disposed with the application's services.</summary>
    public NpgsqlDataSource DataSource => _database.DataSource;
}
