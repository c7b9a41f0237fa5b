using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using AuthApi.Sessions.PostgreSql;
using AuthApi.Startup;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthApi.Storage;

/// <summary>
/// The PostgreSQL database of the program, and its schema, brought up to date before the first request. Of several nodes that start at once, one migrates
/// and the others wait for it.
/// </summary>
/// <exception cref="ConfigurationException"><c>ConnectionStrings:Auth</c> cannot be read, names no server, or would send what is secret in plaintext.</exception>
internal sealed class PostgreSqlStorage(IConfiguration configuration, IOptions<DatabaseOptions> options)
{
    /// <summary>The migrations of this version, in their order.</summary>
    internal static readonly string[] Migrations =
    [
        "20261129140517_CreateAccountsSessionsAndAudit",
        "20261129142837_AddMailQueue",
        "20261129144112_AddOneTimeCodes",
        "20261129144843_AddRegistrationRequests",
        "20261129155427_AddKnownDevices",
        "20261129162215_AddAdministration",
        "20261129164945_AddFactorsAndPasskeys",
        "20261129193650_AddWrongFactorNotice",
        "20261130050531_AddWrongCodesAndRepeatedRegistrations",
    ];

    /// <summary>The number of the lock that a node has while it migrates: "AuthApi" in ASCII.</summary>
    internal const long MigrationLock = 0x41757468417069;

    /// <summary>How long a statement may take outside a request, in seconds.</summary>
    internal const int CommandTimeout = 2;

    // Seconds. A statement that takes longer than it may takes this more: Npgsql waits so long for the server to cancel it.
    private const int ConnectionTimeout = 1;

    // Nobody waits for an answer yet, and a server that was just started is slow.
    private const int StartTimeout = 5;

    internal const string Key = "ConnectionStrings:Auth";

    // Beside the store's own. A login has one for milliseconds, and none while its password is hashed.
    private const int MaxConnections = 20;

    private static readonly TimeSpan MaxMigration = TimeSpan.FromMinutes(10);

    private readonly NpgsqlConnectionStringBuilder _connection = Read(configuration, options.Value);

    /// <summary>The configured string, with what every connection needs.</summary>
    public string ConnectionString => _connection.ConnectionString;

    /// <summary>The name of the database.</summary>
    public string Database => _connection.Database!;

    /// <summary>Server and database, without secrets.</summary>
    public string Name => $"{_connection.Host}:{_connection.Port}/{_connection.Database}";

    private string StartConnectionString => new NpgsqlConnectionStringBuilder(ConnectionString) { Timeout = StartTimeout, CommandTimeout = StartTimeout, Pooling = false }.ConnectionString;

    /// <summary>Applies pending migrations.</summary>
    /// <param name="contexts">Makes the context of the migrations.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="ConfigurationException">The server cannot be used, or its schema is newer than this version.</exception>
    public async Task PrepareAsync(IDbContextFactory<PostgreSqlAuthDbContext> contexts, CancellationToken cancellationToken)
    {
        try
        {
            await using var source = NpgsqlDataSource.Create(StartConnectionString);
            await using var connection = await source.OpenConnectionAsync(cancellationToken);

            // Before anything is written to it.
            if ((await ServerState.ReadAsync(connection, cancellationToken)).Refusal is { } refusal)
            {
                throw new ConfigurationException(Key, $"names a server that {refusal.TrimEnd('.')} ({Name})");
            }

            if (await IsMigratedAsync(connection, cancellationToken))
            {
                return;
            }

            // A lock of a transaction, which goes with the connection however this process ends, and which a pooler of transactions knows too.
            // It holds nothing else: EF Core locks the table of the history, on a connection of its own.
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await LockAsync(connection, cancellationToken);
            await using var reading = await source.OpenConnectionAsync(cancellationToken);
            if (!await IsMigratedAsync(reading, cancellationToken))
            {
                await using var context = await contexts.CreateDbContextAsync(cancellationToken);
                context.Database.SetConnectionString(StartConnectionString);
                context.Database.SetCommandTimeout(MaxMigration);
                await context.Database.MigrateAsync(cancellationToken);
            }
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            throw new ConfigurationException(Key, $"names a database that another node has been migrating for {MaxMigration.TotalMinutes:0} minutes ({Name})");
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new ConfigurationException(Key, $"has a user who may not migrate the database: {exception.MessageText} ({Name})");
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or SocketException)
        {
            throw new ConfigurationException(Key, $"cannot be used: {exception.Message} ({Name})");
        }
    }

    /// <summary>
    /// Makes the first key of Data Protection, one for all nodes that start at once on a new database. Each would make one of its own else, and read no other node's for a day: 503
    /// <c>authenticator_unavailable</c> for apps that were set up there.
    /// </summary>
    /// <exception cref="ConfigurationException">The database cannot be used.</exception>
    public async Task CreateFirstKeyAsync(IKeyManager keys, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        try
        {
            if (await PatientlyAsync(() => keys.GetAllKeys().Count > 0, cancellationToken))
            {
                return;
            }

            await using var source = NpgsqlDataSource.Create(StartConnectionString);
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await LockAsync(connection, cancellationToken);
            await PatientlyAsync(Create, cancellationToken);
        }
        catch (Exception exception) when (exception.GetBaseException() is NpgsqlException or TimeoutException or SocketException)
        {
            // EF Core puts its own around what the database said.
            throw new ConfigurationException(Key, $"cannot be used: {exception.GetBaseException().Message} ({Name})");
        }

        // Once more after a commit that was not answered in time, it finds the key.
        bool Create()
        {
            if (keys.GetAllKeys().Count == 0)
            {
                // Data Protection has no other clock.
                var now = TimeProvider.System.GetUtcNow();
                keys.CreateNewKey(now, now + lifetime);
            }

            return true;
        }
    }

    // A server that was just started is slow, and the limits of the pool's connections are those of requests.
    private async Task<bool> PatientlyAsync(Func<bool> access, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                // Data Protection blocks while it waits. So the connection that it takes from the pool is opened before.
                await using (var connection = new NpgsqlConnection(ConnectionString))
                {
                    await connection.OpenAsync(cancellationToken);
                }

                return access();
            }
            catch (Exception exception) when (exception.GetBaseException() is TimeoutException && Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(StartTimeout))
            {
            }
        }
    }

    private static NpgsqlConnectionStringBuilder Read(IConfiguration configuration, DatabaseOptions options)
    {
        if (configuration.GetConnectionString("Auth") is not { Length: > 0 } text)
        {
            throw new ConfigurationException(Key, "is missing. With PostgreSql it is like Host=db.example.com;Database=authapi;Username=authapi;Password=...;SSL Mode=VerifyFull");
        }

        NpgsqlConnectionStringBuilder connection;
        try
        {
            connection = new NpgsqlConnectionStringBuilder(text);
        }
        catch (ArgumentException exception)
        {
            throw new ConfigurationException(Key, $"is not a PostgreSQL connection string: {exception.Message}");
        }

        if (connection.Host is not { Length: > 0 } hosts)
        {
            throw new ConfigurationException(Key, "names no Host");
        }

        if (connection.Database is not { Length: > 0 })
        {
            throw new ConfigurationException(Key, "names no Database");
        }

        var isEncrypted = connection.SslMode is SslMode.Require or SslMode.VerifyCA or SslMode.VerifyFull;
        if (!options.AllowPlaintext && !isEncrypted && hosts.Split(',').Any(host => !IsLocal(host.Trim())))
        {
            throw new ConfigurationException(Key, $"names {hosts} without TLS; write SSL Mode=VerifyFull, or allow it by {DatabaseOptions.Section}:{nameof(DatabaseOptions.AllowPlaintext)}=true");
        }

        connection.ApplicationName ??= "AuthApi";
        connection.Timeout = ConnectionTimeout;
        connection.CommandTimeout = CommandTimeout;

        // A server that does not answer a statement would not answer its cancellation either.
        connection.CancellationTimeout = -1;
        connection.Enlist = false;

        // No statement changes its session, and a hung server would be waited for twice, for the reset and for the statement.
        connection.NoResetOnClose = true;
        if (!connection.ShouldSerialize("Maximum Pool Size"))
        {
            connection.MaxPoolSize = MaxConnections;
        }

        if (hosts.Contains(',', StringComparison.Ordinal))
        {
            // After a failover the new primary is found within a second.
            connection.TargetSessionAttributes = "primary";
            connection.HostRecheckSeconds = 1;
        }

        return connection;
    }

    // A path is a socket of this machine. A host may have a port of its own.
    private static bool IsLocal(string host) =>
        host.StartsWith('/') || host.StartsWith('@')
        || host.Split(':')[0].Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPEndPoint.TryParse(host, out var end) && IPAddress.IsLoopback(end.Address));

    private static async Task LockAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandTimeout = (int)MaxMigration.TotalSeconds + 10;
        command.CommandText = $"SET LOCAL lock_timeout = '{MaxMigration.TotalSeconds:0}s'; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock({MigrationLock})";
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // Migrations are applied in their order, so where the last one was, all were.
    private async Task<bool> IsMigratedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = """SELECT to_regclass('"__EFMigrationsHistory"') IS NOT NULL""";
        if (await command.ExecuteScalarAsync(cancellationToken) is not true)
        {
            return false;
        }

        command.CommandText = """SELECT "MigrationId" FROM "__EFMigrationsHistory" ORDER BY "MigrationId" COLLATE "C" """;
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        string? last = null;
        while (await rows.ReadAsync(cancellationToken))
        {
            last = rows.GetString(0);
            if (!Migrations.Contains(last))
            {
                throw new ConfigurationException(Key, $"names a database of a newer version, with the migration {last}: {Name}. Run that version, or restore a backup made before it");
            }
        }

        return last == Migrations[^1];
    }
}
