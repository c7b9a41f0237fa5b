using System.Data.Common;
using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using AuthApi.Sessions;
using AuthApi.Sessions.Sqlite;
using AuthApi.Startup;
using AuthApi.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql;
using NpgsqlTypes;

namespace AuthApi.Backups;

/// <summary>What was copied.</summary>
/// <param name="From">The file.</param>
/// <param name="To">The database.</param>
/// <param name="Tables">The number of rows, by table.</param>
/// <param name="SessionsLeft">Sessions that were not copied.</param>
internal sealed record CopyResult(string From, string To, IReadOnlyDictionary<string, long> Tables, long SessionsLeft);

/// <summary>
/// Copies an SQLite file into an empty PostgreSQL database, in one transaction: all of it, or nothing. The file is locked meanwhile, so no server writes to it.
/// </summary>
internal sealed class PostgreSqlCopy(IServiceProvider services, string file, bool withSessions, bool withoutKeys)
{
    // Rows that are read as entities, some at a time.
    private const int Batch = 1_000;

    private const string KeyTable = "DataProtectionKeys";

    /// <summary>Copies it.</summary>
    /// <exception cref="CommandException">The file or the database is not what it takes, or a row cannot be stored; nothing was copied.</exception>
    public async Task<CopyResult> RunAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(file))
        {
            throw new CommandException($"{file} is not there.");
        }

        var storage = services.GetRequiredService<PostgreSqlStorage>();
        using var source = SqliteDatabase.ForFile(new SqliteConnectionStringBuilder { DataSource = file }.ConnectionString);
        try
        {
            source.Serve();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SessionSetupException)
        {
            throw new CommandException($"{file} cannot be copied: {exception.Message}");
        }

        try
        {
            await using var from = SqliteFile.NewContext(new SqliteConnectionStringBuilder(source.ConnectionString) { Pooling = false }.ConnectionString, services);
            await CheckSourceAsync(from, cancellationToken);
            await storage.PrepareAsync(services.GetRequiredService<IDbContextFactory<PostgreSqlAuthDbContext>>(), cancellationToken);
            return await CopyAsync(from, storage, cancellationToken);
        }
        catch (SqliteException exception)
        {
            throw new CommandException($"{file} cannot be read: {exception.Message}");
        }
        catch (Exception exception) when (exception is NpgsqlException or DbUpdateException { InnerException: NpgsqlException })
        {
            var cause = exception as NpgsqlException ?? (NpgsqlException)exception.InnerException!;
            throw new CommandException($"nothing was copied to {storage.Name}: {(cause as PostgresException)?.MessageText ?? cause.Message}{((cause as PostgresException)?.Where is { } where ? $" ({where})" : "")}");
        }
    }

    private async Task CheckSourceAsync(AuthDbContext from, CancellationToken cancellationToken)
    {
        await from.Database.OpenConnectionAsync(cancellationToken);
        var (applied, known) = ((await from.Database.GetAppliedMigrationsAsync(cancellationToken)).ToList(), from.Database.GetMigrations().ToList());
        if (!applied.SequenceEqual(known))
        {
            throw new CommandException(applied.Except(known).FirstOrDefault() is { } newer
                ? $"{file} is of a newer version, with the migration {newer}."
                : $"{file} is of an older version, or no file of AuthApi: bring it up to date first, by AuthApi migrate with --Database:Provider=Sqlite.");
        }
    }

    private async Task<CopyResult> CopyAsync(AuthDbContext from, PostgreSqlStorage storage, CancellationToken cancellationToken)
    {
        // No statement of it is a request's: it may take as long as it takes.
        await using var data = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(storage.ConnectionString) { CommandTimeout = 0, Pooling = false });
        await using var connection = await data.OpenConnectionAsync(cancellationToken);
        await using var to = new AuthDbContext(new DbContextOptionsBuilder<AuthDbContext>().UseNpgsql(connection).UseApplicationServiceProvider(services).Options);
        await using var transaction = await to.Database.BeginTransactionAsync(cancellationToken);
        var tables = TablesInOrder(to.Model.GetRelationalModel());
        await ExecuteAsync(connection, $"SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE {string.Join(", ", tables.Select(Quote))} IN SHARE ROW EXCLUSIVE MODE NOWAIT", cancellationToken);
        foreach (var table in tables)
        {
            if (await ExecuteAsync(connection, $"SELECT EXISTS (SELECT 1 FROM {Quote(table)})", cancellationToken) is true)
            {
                throw new CommandException($"{storage.Name} is not empty: {table.Name} has rows. Copy to a new database.");
            }
        }

        var copied = new Dictionary<string, long>(StringComparer.Ordinal);
        var sessions = to.Model.FindEntityType(typeof(UserSession))!.GetTableName();
        var left = 0L;
        foreach (var table in tables)
        {
            if (table.Name == sessions && !withSessions)
            {
                left = await CountAsync(from, table, cancellationToken);
                continue;
            }

            var count = HasJson(table) ? await CopyPasskeysAsync(from, to, cancellationToken) : await CopyAsync(from, connection, table, cancellationToken);
            copied.Add(table.Name, count);
            await ContinueIdsAsync(from, connection, table, cancellationToken);
        }

        copied.Add(KeyTable, await CopyKeysAsync(from, connection, cancellationToken));
        await transaction.CommitAsync(cancellationToken);
        await ExecuteAsync(connection, "ANALYZE", CancellationToken.None);
        return new CopyResult(file, storage.Name, copied, left);
    }

    // As they are, encrypted by a certificate or not. Without them no key of an authenticator app could be decrypted.
    private async Task<long> CopyKeysAsync(AuthDbContext from, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, KeyRing.Folder);
        var copied = 0L;
        try
        {
            if (!withoutKeys)
            {
                await CheckKeysAsync(from, folder, cancellationToken);
            }

            foreach (var key in Directory.Exists(folder) ? Directory.GetFiles(folder, "*.xml") : [])
            {
                await using var insert = connection.CreateCommand();
                insert.CommandText = $"""INSERT INTO "{KeyTable}" ("FriendlyName", "Xml") VALUES ($1, $2)""";
                insert.Parameters.Add(new NpgsqlParameter { Value = Path.GetFileNameWithoutExtension(key) });
                insert.Parameters.Add(new NpgsqlParameter { Value = XElement.Load(key).ToString(SaveOptions.DisableFormatting) });
                copied += await insert.ExecuteNonQueryAsync(cancellationToken);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or XmlException)
        {
            throw new CommandException($"nothing was copied: the keys in {folder} cannot be read: {exception.Message}");
        }

        return copied;
    }

    private async Task CheckKeysAsync(AuthDbContext from, string folder, CancellationToken cancellationToken)
    {
        var needed = await NeededKeys.ListAsync(from, cancellationToken);
        if (needed.Count == 0)
        {
            return;
        }

        var found = Directory.Exists(folder) ? KeyRing.ReadFolder(folder, services.GetRequiredService<IConfiguration>()) : new Dictionary<Guid, bool>();
        var (missing, unreadable) = (needed.Count(key => !found.ContainsKey(key)), needed.Count(key => found.TryGetValue(key, out var isReadable) && !isReadable));
        if (missing + unreadable > 0)
        {
            var reason = missing > 0
                ? $"{folder} has not the keys of Data Protection that encrypt {missing} keys of authenticator apps. Put that folder beside the file."
                : $"the keys of Data Protection in {folder} that encrypt {unreadable} keys of authenticator apps cannot be decrypted. Set {KeyRingOptions.Section}:{nameof(KeyRingOptions.CertificatePath)} or {KeyRingOptions.Section}:{nameof(KeyRingOptions.PreviousCertificatePath)} as the server of the file has it.";
            throw new CommandException($"nothing was copied: {reason} If they are lost, copy with --without-keys: the owners of these apps then log in with a recovery code or a passkey, and set the app up again.");
        }
    }

    // What others refer to comes first.
    private static List<ITable> TablesInOrder(IRelationalModel model)
    {
        var (ordered, rest) = (new List<ITable>(), model.Tables.ToList());
        while (rest.Count > 0)
        {
            var next = rest.First(table => table.ForeignKeyConstraints.All(key => key.PrincipalTable == table || ordered.Contains(key.PrincipalTable)));
            ordered.Add(next);
            rest.Remove(next);
        }

        return ordered;
    }

    private static bool HasJson(ITable table) => table.Columns.Any(column => column.StoreType == "jsonb");

    private async Task<long> CopyAsync(AuthDbContext from, NpgsqlConnection connection, ITable table, CancellationToken cancellationToken)
    {
        var columns = table.Columns.ToList();
        var names = string.Join(", ", columns.Select(column => $"\"{column.Name}\""));
        await using var read = from.Database.GetDbConnection().CreateCommand();
        read.CommandText = $"SELECT {names} FROM \"{table.Name}\"";
        await using var rows = await read.ExecuteReaderAsync(cancellationToken);
        await using var writer = await connection.BeginBinaryImportAsync($"COPY {Quote(table)} ({names}) FROM STDIN (FORMAT BINARY)", cancellationToken);
        while (await rows.ReadAsync(cancellationToken))
        {
            await writer.StartRowAsync(cancellationToken);
            for (var i = 0; i < columns.Count; i++)
            {
                if (await rows.IsDBNullAsync(i, cancellationToken))
                {
                    await writer.WriteNullAsync(cancellationToken);
                }
                else
                {
                    await WriteAsync(writer, rows, i, columns[i], table, cancellationToken);
                }
            }
        }

        return (long)await writer.CompleteAsync(cancellationToken);
    }

    // SQLite has numbers, text and bytes; the type is PostgreSQL's column's.
    private Task WriteAsync(NpgsqlBinaryImporter writer, DbDataReader rows, int column, IColumn target, ITable table, CancellationToken cancellationToken) => target.StoreType switch
    {
        "integer" => writer.WriteAsync(rows.GetInt32(column), NpgsqlDbType.Integer, cancellationToken),
        "bigint" => writer.WriteAsync(rows.GetInt64(column), NpgsqlDbType.Bigint, cancellationToken),
        "boolean" => writer.WriteAsync(rows.GetInt64(column) != 0, NpgsqlDbType.Boolean, cancellationToken),
        "timestamp with time zone" => writer.WriteAsync(ReadTime(rows.GetInt64(column)), NpgsqlDbType.TimestampTz, cancellationToken),
        "uuid" => writer.WriteAsync(rows.GetGuid(column), NpgsqlDbType.Uuid, cancellationToken),
        "bytea" => writer.WriteAsync((byte[])rows.GetValue(column), NpgsqlDbType.Bytea, cancellationToken),
        var text when text == "text" || text.StartsWith("character varying", StringComparison.Ordinal) => WriteTextAsync(writer, rows.GetString(column), target, table, cancellationToken),
        var other => throw new NotSupportedException($"{table.Name}.{target.Name} is {other}."),
    };

    // The greatest time, which PostgreSQL stores as infinity, is cut to the millisecond in the file.
    private static DateTimeOffset ReadTime(long milliseconds) =>
        milliseconds == DateTimeOffset.MaxValue.ToUnixTimeMilliseconds() ? DateTimeOffset.MaxValue : DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    private Task WriteTextAsync(NpgsqlBinaryImporter writer, string text, IColumn target, ITable table, CancellationToken cancellationToken) =>
        text.Contains('\0', StringComparison.Ordinal)
            ? throw new CommandException($"{file} has a text with the character NUL in {table.Name}.{target.Name}, which PostgreSQL cannot store. Nothing was copied.")
            : writer.WriteAsync(text, NpgsqlDbType.Text, cancellationToken);

    // The times in their JSON are numbers in the file and text in PostgreSQL: EF Core reads and writes them.
    private static async Task<long> CopyPasskeysAsync(AuthDbContext from, AuthDbContext to, CancellationToken cancellationToken)
    {
        var count = 0L;
        var stored = from.UserPasskeys.AsNoTracking().Select(passkey => new
        {
            Passkey = passkey,
            Counter = EF.Property<long>(passkey, PasskeyUse.Counter),
            LastUsedAt = EF.Property<DateTimeOffset?>(passkey, PasskeyUse.LastUsedAt),
        });
        await foreach (var passkeys in stored.AsAsyncEnumerable().Chunk(Batch).WithCancellation(cancellationToken))
        {
            foreach (var passkey in passkeys)
            {
                var entry = to.Add(passkey.Passkey);
                entry.Property(PasskeyUse.Counter).CurrentValue = passkey.Counter;
                entry.Property(PasskeyUse.LastUsedAt).CurrentValue = passkey.LastUsedAt;
            }

            await to.SaveChangesAsync(cancellationToken);
            to.ChangeTracker.Clear();
            count += passkeys.Length;
        }

        return count;
    }

    // The next row gets an id that no row of the file ever had (AUTOINCREMENT): events of a deleted account keep its id, and must not become another's.
    private static async Task ContinueIdsAsync(AuthDbContext from, NpgsqlConnection connection, ITable table, CancellationToken cancellationToken)
    {
        foreach (var column in table.Columns.Where(column => column.PropertyMappings.Any(mapping => mapping.Property.ValueGenerated == ValueGenerated.OnAdd) && column.StoreType is "integer" or "bigint"))
        {
            var lastId = await ReadNumberAsync(
                from,
                $"""
                SELECT max(coalesce((SELECT max("{column.Name}") FROM {Quote(table)}), 0),
                    coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table.Name}'), 0))
                """,
                cancellationToken);
            await ExecuteAsync(
                connection,
                $"""
                SELECT setval(sequence, greatest({lastId}, 1), {lastId} > 0)
                FROM pg_get_serial_sequence('{Quote(table)}', '{column.Name}') AS sequence WHERE sequence IS NOT NULL
                """,
                cancellationToken);
        }
    }

    private static Task<long> CountAsync(AuthDbContext from, ITable table, CancellationToken cancellationToken) =>
        ReadNumberAsync(from, $"SELECT count(*) FROM {Quote(table)}", cancellationToken);

    private static async Task<long> ReadNumberAsync(AuthDbContext from, string sql, CancellationToken cancellationToken)
    {
        await using var command = from.Database.GetDbConnection().CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(await command.ExecuteScalarAsync(cancellationToken), CultureInfo.InvariantCulture);
    }

    private static string Quote(ITable table) => $"\"{table.Name}\"";

    private static async Task<object?> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        return await command.ExecuteScalarAsync(cancellationToken);
    }
}
