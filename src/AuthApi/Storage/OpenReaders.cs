using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>
/// Contexts whose connections stay open from one read to the next, so that their statements stay prepared: opening a connection and
/// having its statements parsed costs several times the read itself.
/// </summary>
public sealed class OpenReaders(IDbContextFactory<AuthDbContext> contexts) : IAsyncDisposable
{
    // Reads beyond these open one for themselves: they take no longer than others did before.
    private static readonly int MostIdle = Math.Max(8, 2 * Environment.ProcessorCount);

    private readonly ConcurrentBag<AuthDbContext> _idle = [];
    private volatile bool _isDisposed;

    /// <summary>Reads by statements that <see cref="PreparedStatement"/> keeps. <paramref name="read"/> tracks nothing.</summary>
    public async Task<TResult> ReadAsync<TResult>(Func<AuthDbContext, Task<TResult>> read)
    {
        var context = _idle.TryTake(out var idle) ? idle : await contexts.CreateDbContextAsync();
        try
        {
            if (idle is null)
            {
                await context.Database.OpenConnectionAsync();
            }
            else
            {
                SqliteConnectionPreparation.EnsureFileExists(context.Database.GetDbConnection());
            }

            var result = await read(context);
            if (!_isDisposed && _idle.Count < MostIdle)
            {
                _idle.Add(context);
                context = null;
            }

            return result;
        }
        finally
        {
            // Also after a failure: the next read starts with another.
            if (context is not null)
            {
                await CloseAsync(context);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        while (_idle.TryTake(out var context))
        {
            await CloseAsync(context);
        }
    }

    private static ValueTask CloseAsync(AuthDbContext context)
    {
        PreparedStatement.Forget(context.Database.GetDbConnection());
        return context.DisposeAsync();
    }
}
