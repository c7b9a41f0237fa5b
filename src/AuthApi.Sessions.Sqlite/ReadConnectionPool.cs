using System.Collections.Concurrent;

namespace AuthApi.Sessions.Sqlite;

/// <summary>Connections for reading, each of which goes from one read to the next.</summary>
internal sealed class ReadConnectionPool : IAsyncDisposable
{
    // Reads beyond these open one for themselves: they take no longer than others did before.
    private static readonly int MaxIdle = Math.Max(8, 2 * Environment.ProcessorCount);

    private readonly SqliteDatabase _database;
    private readonly OpenStoreFiles _files;
    private readonly GroupCommit _commits;
    private readonly ConcurrentBag<PreparedConnection> _idle = [];
    private volatile bool _isDisposed;

    public ReadConnectionPool(SqliteDatabase database, OpenStoreFiles files, GroupCommit commits) =>
        (_database, _files, _commits) = (database, files, commits);

    public async Task<TResult> ReadAsync<TResult>(Func<PreparedConnection, Task<TResult>> read)
    {
        if (!_files.AreInPlace)
        {
            await StoreWaitBudget.WaitForCommitAsync(_commits.SaveFilesAsync());
        }

        var connection = await TakeAsync();
        var isIdle = false;
        try
        {
            var result = await read(connection);
            isIdle = !_isDisposed && _idle.Count < MaxIdle;
            return result;
        }
        catch (Exception exception)
        {
            connection.DiscardIfOutOfReach(exception);
            throw;
        }
        finally
        {
            // After a failure the next read starts with another.
            if (isIdle)
            {
                _idle.Add(connection);
            }
            else
            {
                await connection.DisposeAsync();
            }
        }
    }

    private async Task<PreparedConnection> TakeAsync()
    {
        while (_idle.TryTake(out var idle))
        {
            if (idle.IsCurrent)
            {
                return idle;
            }

            await idle.DisposeAsync();
        }

        return await PreparedConnection.OpenForReadingAsync(_database, _files);
    }

    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        while (_idle.TryTake(out var connection))
        {
            await connection.DisposeAsync();
        }
    }
}
