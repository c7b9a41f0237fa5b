using System.Globalization;
using System.Text.RegularExpressions;
using AuthApi.Sessions;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthApi.Backups;

/// <summary>Copies the PostgreSQL database by pg_dump, and restores a copy by pg_restore in a way that revives nothing.</summary>
internal sealed partial class PostgreSqlBackup(IServiceProvider services, string? tools)
{
    // What may have been used, or sent, since. None of their rows is ever in the restored database, so no node can use one.
    private static readonly string[] LeftOut = [Sessions, "OneTimeCodes", "CodeRequests", "MailQueue", "PasskeyCeremonies"];

    private const string Sessions = "UserSessions";
    private const string History = "__EFMigrationsHistory";
    private const int Batch = 10_000;

    private readonly PostgreSqlStorage _storage = services.GetRequiredService<PostgreSqlStorage>();

    /// <summary>Copies the configured database: one state of it, whatever is written meanwhile.</summary>
    /// <param name="target">The copy, which must not be there yet.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The database that was copied, and the size of the copy in bytes.</returns>
    /// <exception cref="CommandException">It could not be copied; no copy is left.</exception>
    public async Task<(string From, long Size)> BackUpAsync(string target, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(cancellationToken);
        if (await ExecuteAsync(connection, $"""SELECT to_regclass('"{History}"') IS NOT NULL""", cancellationToken) is not true)
        {
            throw new CommandException($"{_storage.Name} is no database of AuthApi: it has no table {History}.");
        }

        var dump = await FindAsync("pg_dump", connection, cancellationToken);
        var restore = await FindAsync("pg_restore", connection, cancellationToken);
        BackupFile.Create(target);
        try
        {
            await dump.ReadAsync(["--format=custom", "--no-password", "--no-unlogged-table-data", "--lock-wait-timeout=60s", $"--file={target}"], cancellationToken);
            ReadContents(target, await restore.ReadAsync(["--list", target], cancellationToken));
            return (_storage.Name, new FileInfo(target).Length);
        }
        catch (Exception exception) when (exception is CommandException or IOException or OperationCanceledException)
        {
            File.Delete(target);
            throw exception is OperationCanceledException ? exception : new CommandException($"{_storage.Name} could not be copied to {target}: {exception.Message}");
        }
    }

    /// <summary>
    /// Restores a copy into the configured database, which must be empty, in one transaction. Its sessions are ended: their rows are not restored, and their ends are events.
    /// Codes and messages that wait are not restored either.
    /// </summary>
    /// <param name="backup">The copy, which is left as it is.</param>
    /// <param name="now">The time of the events.</param>
    /// <param name="confirm">Asks, once it is known that it can be done.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The database, how many sessions were ended, and the keys of Data Protection that rows need and that are not there.</returns>
    /// <exception cref="CommandException">It could not be restored; nothing was changed, or what was is said.</exception>
    public async Task<(string To, int Ended, IReadOnlyList<Guid> MissingKeys)> RestoreAsync(string backup, DateTimeOffset now, Func<string, Task> confirm, CancellationToken cancellationToken)
    {
        if (!BackupFile.BeginsWith(backup, "PGDMP"u8))
        {
            throw new CommandException(BackupFile.BeginsWith(backup, "SQLite format 3"u8)
                ? $"{backup} is an SQLite file: AuthApi copy-to-postgresql copies one."
                : $"{backup} is no dump of pg_dump's custom format.");
        }

        await using var connection = await OpenAsync(cancellationToken);
        var restore = await FindAsync("pg_restore", connection, cancellationToken);
        var contents = ReadContents(backup, await restore.ReadAsync(["--list", backup], cancellationToken));
        var newer = (await ReadRowsAsync(restore, backup, History, ["MigrationId"], cancellationToken)).Select(row => row[0]).Except(PostgreSqlStorage.Migrations).FirstOrDefault();
        if (newer is not null)
        {
            throw new CommandException($"{backup} is of a newer version, with the migration {newer}.");
        }

        var sessions = (await ReadRowsAsync(restore, backup, Sessions, ["UserId", "Id"], cancellationToken))
            .ConvertAll(row => (UserId: int.Parse(row[0], CultureInfo.InvariantCulture), Id: Guid.Parse(row[1])));

        // A node that starts meanwhile waits for this lock before it makes its tables.
        await using (var transaction = await connection.BeginTransactionAsync(cancellationToken))
        {
            await ExecuteAsync(connection, "SET LOCAL idle_in_transaction_session_timeout = 0", cancellationToken);
            if (await ExecuteAsync(connection, $"SELECT pg_try_advisory_xact_lock({PostgreSqlStorage.MigrationLock})", cancellationToken) is not true)
            {
                throw new CommandException($"{_storage.Name} is being migrated by another process.");
            }

            await CheckIsEmptyAsync(connection, cancellationToken);
            await confirm($"{backup} is restored to {_storage.Name}, which is empty; {sessions.Count} sessions are ended.");
            await RestoreAsync(restore, backup, contents, cancellationToken);
        }

        try
        {
            // By this version's own schema, which the copy is brought up to.
            await _storage.PrepareAsync(services.GetRequiredService<IDbContextFactory<PostgreSqlAuthDbContext>>(), CancellationToken.None);
            await ExecuteAsync(connection, "ANALYZE", CancellationToken.None);
            await RecordAsync(connection, sessions, now);
            await using var context = await services.GetRequiredService<IDbContextFactory<PostgreSqlAuthDbContext>>().CreateDbContextAsync(CancellationToken.None);
            context.Database.SetCommandTimeout(0);
            var keys = await context.DataProtectionKeys.Select(key => key.FriendlyName).ToListAsync(CancellationToken.None);
            return (_storage.Name, sessions.Count, await NeededKeys.FindMissingAsync(context, keys.OfType<string>()));
        }
        catch (Exception exception) when (exception is NpgsqlException or ConfigurationException)
        {
            throw new CommandException($"{backup} was restored to {_storage.Name} without its sessions, and their ends could not be recorded: {exception.Message}");
        }
    }

    private static async Task CheckIsEmptyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Those of extensions are no data.
        await using var command = new NpgsqlCommand(
            """
            SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
                AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
            ORDER BY 1
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(reader.GetString(0));
        }

        if (found.Count > 0)
        {
            throw new CommandException($"{connection.Database} is not empty: it has {string.Join(", ", found.Take(3))}{(found.Count > 3 ? $" and {found.Count - 3} more" : "")}. Restore to a new database, and name that one in the settings afterwards.");
        }
    }

    // The list says what is restored, and in which order.
    private async Task RestoreAsync(PostgreSqlTool restore, string backup, string[] contents, CancellationToken cancellationToken)
    {
        var list = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(list, contents.Where(line => !LeftOut.Any(table => IsDataOf(line, table))), cancellationToken);
            var name = _storage.Database.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("'", @"\'", StringComparison.Ordinal);
            await restore.ReadAsync(
                ["--single-transaction", "--exit-on-error", "--no-password", "--no-owner", "--no-privileges", $"--use-list={list}", $"--dbname=dbname='{name}'", backup], cancellationToken);
        }
        catch (CommandException exception)
        {
            throw new CommandException($"{backup} could not be restored to {_storage.Name}, and nothing was changed: {exception.Message}");
        }
        finally
        {
            File.Delete(list);
        }
    }

    // Also so that no row of a session is restored where the list does not look as expected.
    private static string[] ReadContents(string backup, string list)
    {
        var lines = list.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new[] { Sessions, History }.All(table => lines.Count(line => IsDataOf(line, table)) == 1)
            ? lines
            : throw new CommandException($"{backup} is no backup of AuthApi: it does not have the tables {Sessions} and {History}, once each.");
    }

    private static bool IsDataOf(string line, string table) => Data().Match(line) is { Success: true } data && data.Groups["table"].Value == table;

    // Columns whose values need no escape in a dump: numbers, and names of migrations.
    private static async Task<List<string[]>> ReadRowsAsync(PostgreSqlTool restore, string backup, string table, string[] columns, CancellationToken cancellationToken)
    {
        var rows = new List<string[]>();
        await restore.RunAsync(["--data-only", $"--table={table}", "--file=-", backup], ReadAsync, cancellationToken);
        return rows;

        async Task ReadAsync(StreamReader output)
        {
            int[]? places = null;
            while (await output.ReadLineAsync(cancellationToken) is { } line)
            {
                if (places is null)
                {
                    if (Copy().Match(line) is { Success: true } copy)
                    {
                        string[] names = [.. copy.Groups["columns"].Value.Split(", ").Select(name => name.Trim('"'))];
                        places = [.. columns.Select(column => Array.IndexOf(names, column))];
                    }
                }
                else if (line == @"\.")
                {
                    places = null;
                }
                else
                {
                    var values = line.Split('\t');
                    rows.Add([.. places.Select(place => values[place])]);
                }
            }
        }
    }

    private static async Task RecordAsync(NpgsqlConnection connection, List<(int UserId, Guid Id)> sessions, DateTimeOffset now)
    {
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var batch in sessions.Chunk(Batch))
        {
            await using var insert = new NpgsqlCommand(
                """
                INSERT INTO "AuditEntries" ("At", "Event", "UserId", "SessionId", "Reason")
                SELECT $1, $2, ended."UserId", ended."Id", 'restore' FROM unnest($3::int[], $4::uuid[]) AS ended("UserId", "Id")
                """,
                connection)
            {
                Parameters =
                {
                    new() { Value = now.ToUniversalTime() },
                    new() { Value = AuditEvent.SessionRevoked },
                    new() { Value = batch.Select(session => session.UserId).ToArray() },
                    new() { Value = batch.Select(session => session.Id).ToArray() },
                },
            };
            await insert.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        // It takes as long as it takes.
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_storage.ConnectionString) { CommandTimeout = 0, Pooling = false }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch (Exception exception) when (exception is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException)
        {
            await connection.DisposeAsync();
            throw new ConfigurationException(PostgreSqlStorage.Key, $"cannot be used: {exception.Message} ({_storage.Name})");
        }
    }

    private Task<PostgreSqlTool> FindAsync(string name, NpgsqlConnection connection, CancellationToken cancellationToken) =>
        PostgreSqlTool.FindAsync(name, tools, _storage.ConnectionString, connection.PostgreSqlVersion.Major, cancellationToken);

    private static async Task<object?> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    [GeneratedRegex(@"^\d+; \d+ \d+ TABLE DATA \S+ (?<table>\S+) ")]
    private static partial Regex Data();

    [GeneratedRegex(@"^COPY .+ \((?<columns>.+)\) FROM stdin;$")]
    private static partial Regex Copy();
}
