using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthApi.Sessions.PostgreSql;

/// <summary>The connection string of the application's context, and the context's name for messages.</summary>
/// <param name="Context">The name.</param>
/// <param name="ConnectionString">The connection string; <see langword="null"/> where the context has a data source without one.</param>
internal sealed record ApplicationConnection(string Context, string? ConnectionString);

/// <summary>
/// The connections of the store: a pool of its own, with limits of time by which a dead or hung server means 503 within three seconds. Statements are
/// prepared after their first uses.
/// </summary>
internal sealed class PostgreSqlDatabase : IAsyncDisposable
{
    // Seconds. A request waits for the store 2.5 seconds at most, in all (StoreWaitBudget).
    private const int Timeout = 2;
    private const int MaxApplicationWait = 3;

    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(Timeout);

    // Milliseconds.
    private const int LockTimeout = 1_800;

    // Milliseconds, as a node that vanished would keep its locks until the server notices. No request is that long between two statements.
    private const int IdleInTransactionTimeout = 10_000;

    private readonly string? _applicationConnectionString;
    private readonly NpgsqlConnectionStringBuilder _builder;

    /// <exception cref="SessionSetupException">The connection string cannot be used.</exception>
    public PostgreSqlDatabase(ApplicationConnection application, IOptions<PostgreSqlOptions> options, ILoggerFactory loggers)
    {
        _applicationConnectionString = application.ConnectionString;
        try
        {
            _builder = new NpgsqlConnectionStringBuilder(application.ConnectionString);
        }
        catch (ArgumentException exception)
        {
            throw new SessionSetupException($"The connection string of {application.Context} is not one of PostgreSQL: {exception.Message}");
        }

        if (string.IsNullOrEmpty(_builder.Host))
        {
            throw new SessionSetupException($"The connection string of {application.Context} names no Host.");
        }

        if (!options.Value.AllowPlaintext && !IsEncrypted && Hosts.Any(host => !IsLocal(host)))
        {
            throw new SessionSetupException(
                $"The connection string of {application.Context} names the host {_builder.Host} without TLS: write SSL Mode=VerifyFull, or allow it by sessions.UsePostgreSql(options => options.AllowPlaintext = true).");
        }

        // Zero is without end. A request waits for a connection, then for the statement, and then for an answer to its cancellation.
        ApplicationHasLimits = _builder is { Timeout: > 0, CommandTimeout: > 0, CancellationTimeout: < 0 } && _builder.Timeout + _builder.CommandTimeout <= MaxApplicationWait;
        _builder.ApplicationName ??= "AuthApi.Sessions";
        _builder.Timeout = Timeout;
        _builder.CommandTimeout = Timeout;

        // Breaks the connection at once where a statement has timed out: the server that does not answer would not answer a cancellation either.
        _builder.CancellationTimeout = -1;
        _builder.MaxPoolSize = options.Value.MaxConnections;
        _builder.AutoPrepareMinUsages = 2;
        if (!_builder.ShouldSerialize("Max Auto Prepare"))
        {
            // A pooler of transactions may know no prepared statements.
            _builder.MaxAutoPrepare = 50;
        }

        _builder.Enlist = false;

        // No statement changes its session, and a hung server would be waited for twice, for the reset and for the statement.
        _builder.NoResetOnClose = true;

        // After a failover the new primary is found within as much.
        _builder.HostRecheckSeconds = 1;

        // A statement whose client has left would go on waiting for a lock, and keep its connection.
        _builder.Options = $"{_builder.Options} -c lock_timeout={LockTimeout} -c idle_in_transaction_session_timeout={IdleInTransactionTimeout}".TrimStart();

        var source = new NpgsqlDataSourceBuilder(_builder.ConnectionString);
        source.UseLoggerFactory(loggers);

        // Of several hosts, the one that takes writes.
        DataSource = Hosts.Length > 1 ? source.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary) : source.Build();
    }

    public NpgsqlDataSource DataSource { get; }

    /// <summary>Whether the application's own connections wait for a server that hangs no longer than the store does.</summary>
    public bool ApplicationHasLimits { get; }

    /// <summary>The server and the database, without secrets.</summary>
    public string Name => $"{_builder.Host}:{_builder.Port}/{_builder.Database}";

    private string[] Hosts => _builder.Host!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private bool IsEncrypted => _builder.SslMode is SslMode.Require or SslMode.VerifyCA or SslMode.VerifyFull;

    /// <summary>Drops idle connections, the application's too: the server that they were to has gone, and each would fail at its next use.</summary>
    public void DropIdle()
    {
        DataSource.Clear();
        using var connection = new NpgsqlConnection(_applicationConnectionString);
        NpgsqlConnection.ClearPool(connection);
    }

    public ValueTask DisposeAsync() => DataSource.DisposeAsync();

    // A path is a socket of this machine. A host of several may have its port.
    private static bool IsLocal(string host) =>
        IPEndPoint.TryParse(host, out var endpoint)
            ? IPAddress.IsLoopback(endpoint.Address)
            : host.StartsWith('/') || host.StartsWith('@') || host.Split(':')[0].Equals("localhost", StringComparison.OrdinalIgnoreCase);
}
