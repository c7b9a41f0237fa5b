using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace AuthApi.Storage;

/// <summary>
/// Notifies one waiting worker when a row has been added to its queue, after the commit. A row that another process added is not heard of: the worker also
/// looks by itself from time to time.
/// </summary>
/// <typeparam name="TRow">The row of the queue.</typeparam>
internal sealed class AddedRows<TRow>(TimeProvider time) : SaveChangesInterceptor, IDbTransactionInterceptor, IDisposable
    where TRow : class
{
    private readonly ConditionalWeakTable<DbContext, object> _adding = [];
    private readonly SemaphoreSlim _added = new(0, 1);

    /// <summary>Waits for a row, and no longer than <paramref name="limit"/>.</summary>
    public async Task WaitAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await _added.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
        }
    }

    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        Note(eventData.Context!);
        return result;
    }

    public override ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        Note(eventData.Context!);
        return new(result);
    }

    public override int SavedChanges(SaveChangesCompletedEventData eventData, int result)
    {
        Notify(eventData.Context);
        return result;
    }

    public override ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        Notify(eventData.Context);
        return new(result);
    }

    public void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => Notify(eventData.Context, isCommitted: true);

    public Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Notify(eventData.Context, isCommitted: true);
        return Task.CompletedTask;
    }

    public void Dispose() => _added.Dispose();

    private void Note(DbContext context)
    {
        if (context.ChangeTracker.Entries<TRow>().Any(entry => entry.State == EntityState.Added))
        {
            _adding.AddOrUpdate(context, this);
        }
    }

    private void Notify(DbContext? context, bool isCommitted = false)
    {
        if (context is null || (!isCommitted && context.Database.CurrentTransaction is not null) || !_adding.Remove(context))
        {
            return;
        }

        try
        {
            _added.Release();
        }
        catch (SemaphoreFullException)
        {
            // It has been notified already and has not looked yet.
        }
    }
}
