using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Backups;

/// <summary>Copies the SQLite file while it is served, and puts a copy back in a way that revives nothing.</summary>
internal static class SqliteBackup
{
    /// <summary>Copies the configured file. SQLite reads one state of it, whatever is written meanwhile.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="target">The copy, which must not be there yet.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The file that was copied, and the size of the copy in bytes.</returns>
    /// <exception cref="CommandException">It could not be copied; no copy is left.</exception>
    public static async Task<(string From, long Size)> BackUpAsync(IServiceProvider services, string target, CancellationToken cancellationToken)
    {
        var from = ConfiguredFile(services);
        if (!File.Exists(from))
        {
            throw new CommandException($"{from} is not there.");
        }

        BackupFile.Create(target);
        try
        {
            await using (var connection = await OpenAsync(from, SqliteOpenMode.ReadWrite, cancellationToken))
            {
                await ExecuteAsync(connection, "VACUUM INTO $file", cancellationToken, target);
            }

            await CheckAsync(target, cancellationToken);
            return (from, new FileInfo(target).Length);
        }
        catch (Exception exception) when (exception is SqliteException or IOException or CommandException or OperationCanceledException)
        {
            File.Delete(target);
            throw exception is SqliteException or IOException ? new CommandException($"{from} could not be copied to {target}: {exception.Message}") : exception;
        }
    }

    /// <summary>
    /// Puts a copy in the place of the configured file, which is kept beside it under another name. In the copy all sessions are ended, and codes and messages that wait are
    /// deleted: they may have been used, or sent, since.
    /// </summary>
    /// <param name="services">The program's services.</param>
    /// <param name="backup">The copy, which is left as it is.</param>
    /// <param name="now">The time of the events.</param>
    /// <param name="confirm">Asks, once it is known that it can be done.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The restored file, how many sessions were ended, where the file of before is, and the keys of Data Protection that rows need and that are not beside it.</returns>
    /// <exception cref="CommandException">It could not be restored; nothing was changed.</exception>
    public static async Task<(string To, int Ended, string? Previous, IReadOnlyList<Guid> MissingKeys)> RestoreAsync(
        IServiceProvider services, string backup, DateTimeOffset now, Func<string, Task> confirm, CancellationToken cancellationToken)
    {
        var to = ConfiguredFile(services);
        if (BackupFile.BeginsWith(backup, "PGDMP"u8))
        {
            throw new CommandException($"{backup} is a dump of PostgreSQL: set Database:Provider and ConnectionStrings:Auth to the database that it is restored to.");
        }

        Take(services.GetRequiredService<SqliteDatabase>());
        var temporary = $"{to}.restoring";
        try
        {
            File.Delete(temporary);
            BackupFile.Create(temporary);
            await using (var connection = await OpenAsync(backup, SqliteOpenMode.ReadOnly, cancellationToken))
            {
                await ExecuteAsync(connection, "VACUUM INTO $file", cancellationToken, temporary);
            }

            await CheckAsync(temporary, cancellationToken);
            var (ended, missing) = await EndEverythingAsync(temporary, services, Path.Combine(Path.GetDirectoryName(to)!, KeyRing.Folder), now, cancellationToken);
            var previous = File.Exists(to) ? $"{to}.{now:yyyyMMddTHHmmssZ}" : null;
            await confirm($"{to} is replaced by {backup}{(previous is null ? "" : $" and kept as {previous}")}; {ended} sessions are ended.");
            if (previous is not null)
            {
                // The log belongs to the file of before.
                await using (var connection = await OpenAsync(to, SqliteOpenMode.ReadWrite, cancellationToken))
                {
                    await ExecuteAsync(connection, "PRAGMA wal_checkpoint(TRUNCATE)", cancellationToken);
                }

                File.Move(to, previous);
            }

            File.Delete($"{to}-wal");
            File.Delete($"{to}-shm");
            File.Move(temporary, to);
            return (to, ended, previous, missing);
        }
        catch (Exception exception) when (exception is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{backup} could not be restored to {to}: {exception.Message}");
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static string ConfiguredFile(IServiceProvider services) =>
        new SqliteConnectionStringBuilder(SqliteFile.ConnectionString(services.GetRequiredService<IConfiguration>())).DataSource;

    // Also where the file is lost: then the lock of the one that was there is taken, and the loss is said all the same.
    private static void Take(SqliteDatabase database)
    {
        try
        {
            try
            {
                database.Serve();
            }
            catch (SessionSetupException) when (!File.Exists(database.Path))
            {
                database.Serve();
            }
        }
        catch (Exception exception) when (exception is SessionSetupException or IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"the file cannot be replaced: {exception.Message}");
        }
    }

    private static async Task CheckAsync(string file, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(file, SqliteOpenMode.ReadOnly, cancellationToken);
        if (await ExecuteAsync(connection, "PRAGMA quick_check", cancellationToken) is not "ok" and var found)
        {
            throw new CommandException($"{file} is damaged: {found}");
        }

        if (await ExecuteAsync(connection, "SELECT count(*) FROM sqlite_master WHERE name = '__EFMigrationsHistory'", cancellationToken) is not 1L)
        {
            throw new CommandException($"{file} is no database of AuthApi.");
        }

        if (await ExecuteAsync(connection, "SELECT max(MigrationId) FROM __EFMigrationsHistory", cancellationToken) is string last && string.CompareOrdinal(last, SqliteFile.Migrations[^1]) > 0)
        {
            throw new CommandException($"{file} is of a newer version, with the migration {last}.");
        }
    }

    // By this version's own schema, which the copy is brought up to.
    private static async Task<(int Ended, IReadOnlyList<Guid> MissingKeys)> EndEverythingAsync(string file, IServiceProvider services, string keys, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var context = SqliteFile.NewContext(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ConnectionString, services);
        await context.Database.MigrateAsync(cancellationToken);
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        await context.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO "AuditEntries" ("At", "Event", "UserId", "SessionId", "Reason")
            SELECT {now.ToUnixTimeMilliseconds()}, {AuditEvent.SessionRevoked}, "UserId", "Id", 'restore' FROM "UserSessions"
            """,
            cancellationToken);
        var ended = await context.Set<UserSession>().ExecuteDeleteAsync(cancellationToken);
        await context.Database.ExecuteSqlRawAsync("""DELETE FROM "OneTimeCodes"; DELETE FROM "CodeRequests"; DELETE FROM "MailQueue"; DELETE FROM "PasskeyCeremonies" """, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (ended, await NeededKeys.FindMissingAsync(context, keys));
    }

    private static async Task<SqliteConnection> OpenAsync(string file, SqliteOpenMode mode, CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = mode, Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    private static async Task<object?> ExecuteAsync(SqliteConnection connection, string sql, CancellationToken cancellationToken, string? file = null)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.CommandTimeout = 0;
        if (file is not null)
        {
            command.Parameters.AddWithValue("$file", file);
        }

        return await command.ExecuteScalarAsync(cancellationToken);
    }
}
