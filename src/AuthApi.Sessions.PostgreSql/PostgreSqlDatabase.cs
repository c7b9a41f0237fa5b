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

    // Seconds. Of statements that no request waits for; the others have a limit that blocks no thread.
    private const int CommandTimeout = 10;
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
        _builder.CommandTimeout = CommandTimeout;

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

    /// <summary>
    /// Runs statements on a connection, and gives them up after two seconds. Their own limit would ask the server to cancel them, and block a thread of the pool until the
    /// server answers or the limit of a connection has passed.
    /// </summary>
    /// <exception cref="StoreUnavailableException">They took longer. They may yet be committed.</exception>
    public async Task<TResult> RunAsync<TResult>(Func<NpgsqlConnection, CancellationToken, Task<TResult>> statements)
    {
        var connection = await DataSource.OpenConnectionAsync();
        var isGivenUp = false;
        try
        {
            return await RunWithTimeoutAsync(connection, cancellationToken => statements(connection, cancellationToken), () => isGivenUp = true);
        }
        finally
        {
            if (!isGivenUp)
            {
                await connection.DisposeAsync();
            }
        }
    }

    /// <summary>The same on a connection that is open, which is closed if they are given up.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="execute">Runs the statements.</param>
    /// <param name="giveUp">Gives the connection up: it is another's from then on.</param>
    public static async Task<TResult> RunWithTimeoutAsync<TResult>(NpgsqlConnection connection, Func<CancellationToken, Task<TResult>> execute, Action giveUp)
    {
        var cancellation = new CancellationTokenSource();
        var statement = execute(cancellation.Token);
        try
        {
            return await statement.WaitAsync(MaxWait);
        }
        catch (TimeoutException exception)
        {
            if (statement.IsCompleted)
            {
                return await statement;
            }

            giveUp();
            _ = AbandonAsync(connection, statement, cancellation);
            throw new StoreUnavailableException("The store did not answer in time.", exception);
        }
    }

    /// <summary>Drops idle connections, the application's too: the server that they were to has gone, and each would fail at its next use.</summary>
    public void DropIdle()
    {
        DataSource.Clear();
        using var connection = new NpgsqlConnection(_applicationConnectionString);
        NpgsqlConnection.ClearPool(connection);
    }

    public ValueTask DisposeAsync() => DataSource.DisposeAsync();

    private static async Task AbandonAsync(NpgsqlConnection connection, Task statement, CancellationTokenSource cancellation)
    {
        // A thread of its own, which may be blocked.
        await Task.Factory.StartNew(cancellation.Cancel, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await statement.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await connection.DisposeAsync();
        cancellation.Dispose();
    }

    // A path is a socket of this machine. A host of several may have its port.
    private static bool IsLocal(string host) =>
        IPEndPoint.TryParse(host, out var endpoint)
            ? IPAddress.IsLoopback(endpoint.Address)
            : host.StartsWith('/') || host.StartsWith('@') || host.Split(':')[0].Equals("localhost", StringComparison.OrdinalIgnoreCase);
}
