namespace AuthApi.Sessions.PostgreSql;

/// <summary>How the PostgreSQL store connects.</summary>
public sealed class PostgreSqlOptions
{
    /// <summary>
    /// Whether the connection to a server on another machine may be without TLS. A token's hash gives no access, but who reads the connection reads
    /// everything else.
    /// </summary>
    public bool AllowPlaintext { get; set; }

    /// <summary>The maximum number of connections of the store's own, beside those of the application's context.</summary>
    public int MaxConnections { get; set; } = 20;
}
