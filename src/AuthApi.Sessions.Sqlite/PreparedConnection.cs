using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// A connection that stays open, and the statements that were run on it, which stay prepared as long: for what a busy server runs all the
/// time, where opening a connection, having a statement parsed, or translating and tracking by EF Core each cost several times what the
/// database does.
/// </summary>
internal sealed class PreparedConnection : IAsyncDisposable
{
    private readonly SqliteConnection _connection;
    private readonly Dictionary<string, SqliteCommand> _prepared = new(StringComparer.Ordinal);

    private readonly OpenStoreFiles _files;

    private PreparedConnection(SqliteConnection connection, OpenStoreFiles files) => (_connection, _files) = (connection, files);

    /// <summary>Whether the files that it has open are still those of the store.</summary>
    internal bool IsCurrent => _files.IsCurrent(_connection);

    /// <exception cref="StoreUnavailableException">A file of the store was removed or replaced.</exception>
    /// <exception cref="DbException">The store is out of reach.</exception>
    internal static Task<PreparedConnection> OpenForReadingAsync(SqliteDatabase database, OpenStoreFiles files) =>
        OpenAsync(new SqliteConnection(database.ConnectionString), files, SqliteConnectionPreparation.Prepare);

    /// <summary>
    /// The same, for the one that writes. It does not go back to a pool, so that closing it undoes what was not committed, whatever went wrong.
    /// </summary>
    internal static Task<PreparedConnection> OpenForWritingAsync(SqliteDatabase database, OpenStoreFiles files) =>
        OpenAsync(new SqliteConnection($"{database.ConnectionString};Pooling=False"), files, SqliteConnectionPreparation.PrepareForWriting);

    /// <summary>The statement, ready to be run, with <c>@p0</c>, <c>@p1</c>, … set to the values.</summary>
    public DbCommand Prepare(string sql, params ReadOnlySpan<object?> values)
    {
        if (!_prepared.TryGetValue(sql, out var command))
        {
            command = _connection.CreateCommand();
            command.CommandText = sql;
            for (var i = 0; i < values.Length; i++)
            {
                command.Parameters.Add(new SqliteParameter { ParameterName = $"@p{i}" });
            }

            _prepared.Add(sql, command);
        }

        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        }

        return command;
    }

    /// <summary>Lets nobody have the connection again where a statement on it failed because the store is out of reach.</summary>
    internal void DiscardIfOutOfReach(Exception exception) => SqliteConnectionPreparation.DiscardIfOutOfReach(_connection, exception);

    /// <summary>A statement on a connection of the application's own.</summary>
    internal static SqliteCommand Create(SqliteConnection connection, SqliteTransaction? transaction, string sql, params ReadOnlySpan<object?> values)
    {
        var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters.Add(new SqliteParameter($"@p{i}", values[i] ?? DBNull.Value));
        }

        return command;
    }

    // The statements first: the connection goes back to its pool, and they would hold on to a handle that is another's by then.
    public async ValueTask DisposeAsync()
    {
        foreach (var command in _prepared.Values)
        {
            await command.DisposeAsync();
        }

        await _connection.DisposeAsync();
    }

    private static async Task<PreparedConnection> OpenAsync(
        SqliteConnection connection, OpenStoreFiles files, Action<DbConnection, OpenStoreFiles> prepare)
    {
        try
        {
            await connection.OpenAsync();
            prepare(connection, files);
            return new PreparedConnection(connection, files);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
