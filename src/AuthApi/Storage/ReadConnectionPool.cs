using System.Collections.Concurrent;

namespace AuthApi.Storage;

/// <summary>Connections for reading, each of which goes from one read to the next.</summary>
public sealed class ReadConnectionPool(SqliteDatabase database) : IAsyncDisposable
{
    // Reads beyond these open one for themselves: they take no longer than others did before.
    private static readonly int MostIdle = Math.Max(8, 2 * Environment.ProcessorCount);

    private readonly ConcurrentBag<PreparedConnection> _idle = [];
    private volatile bool _isDisposed;

    public async Task<TResult> ReadAsync<TResult>(Func<PreparedConnection, Task<TResult>> read)
    {
        var connection = _idle.TryTake(out var idle) ? idle : await PreparedConnection.OpenForReadingAsync(database);
        var isIdle = false;
        try
        {
            connection.EnsureFileExists();
            var result = await read(connection);
            isIdle = !_isDisposed && _idle.Count < MostIdle;
            return result;
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

    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        while (_idle.TryTake(out var connection))
        {
            await connection.DisposeAsync();
        }
    }
}
