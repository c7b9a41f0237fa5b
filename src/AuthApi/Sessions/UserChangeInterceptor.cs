using System.Data.Common;
using System.Runtime.CompilerServices;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace AuthApi.Sessions;

/// <summary>
/// Makes the cache forget the principals of users who change: their row, roles or claims. It listens to the database
/// context, so it hears of every change that is saved, whichever manager, controller or later feature made it; not of
/// <c>ExecuteUpdate</c> and <c>ExecuteDelete</c>, after which the caller must invalidate <see cref="SessionCache"/>.
/// </summary>
internal sealed class UserChangeInterceptor(SessionCache cache) : SaveChangesInterceptor, IDbTransactionInterceptor
{
    private const int Everyone = 0;

    private readonly ConditionalWeakTable<DbContext, HashSet<int>> _changed = [];

    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        Note(eventData.Context!);
        return result;
    }

    public override ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        Note(eventData.Context!);
        return ValueTask.FromResult(result);
    }

    public override int SavedChanges(SaveChangesCompletedEventData eventData, int result)
    {
        ForgetUnlessInTransaction(eventData.Context!);
        return result;
    }

    public override ValueTask<int> SavedChangesAsync(
        SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        ForgetUnlessInTransaction(eventData.Context!);
        return ValueTask.FromResult(result);
    }

    public override void SaveChangesFailed(DbContextErrorEventData eventData) => Forget(eventData.Context!);

    public override Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Forget(eventData.Context!);
        return Task.CompletedTask;
    }

    public override void SaveChangesCanceled(DbContextEventData eventData) => Forget(eventData.Context);

    public override Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default)
    {
        Forget(eventData.Context);
        return Task.CompletedTask;
    }

    // Whether a failed commit was made is not known; the row is.
    public void TransactionFailed(DbTransaction transaction, TransactionErrorEventData eventData) => Forget(eventData.Context);

    public Task TransactionFailedAsync(DbTransaction transaction, TransactionErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Forget(eventData.Context);
        return Task.CompletedTask;
    }

    public void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => Forget(eventData.Context);

    public Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Forget(eventData.Context);
        return Task.CompletedTask;
    }

    private void Note(DbContext context)
    {
        foreach (var entry in context.ChangeTracker.Entries())
        {
            if (entry.State is not (EntityState.Added or EntityState.Modified or EntityState.Deleted))
            {
                continue;
            }

            var userId = entry.Entity switch
            {
                ApplicationUser user when entry.State != EntityState.Added => user.Id,
                IdentityUserRole<int> role => role.UserId,
                IdentityUserClaim<int> claim => claim.UserId,
                IdentityRole<int> or IdentityRoleClaim<int> => Everyone,
                _ => (int?)null,
            };

            if (userId is { } changed)
            {
                _changed.GetValue(context, static _ => []).Add(changed);
            }
        }
    }

    // Before the commit, a reader would find the old principal and keep it.
    private void ForgetUnlessInTransaction(DbContext context)
    {
        if (context.Database.CurrentTransaction is null)
        {
            Forget(context);
        }
    }

    private void Forget(DbContext? context)
    {
        if (context is null || !_changed.TryGetValue(context, out var changed))
        {
            return;
        }

        _changed.Remove(context);
        if (changed.Contains(Everyone))
        {
            cache.ForgetEveryone();
            return;
        }

        foreach (var userId in changed)
        {
            cache.ForgetUser(userId);
        }
    }
}
