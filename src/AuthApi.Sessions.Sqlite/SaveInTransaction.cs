using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace AuthApi.Sessions.Sqlite;

/// <summary>
/// Gives every save of the application's context a transaction, for which <see cref="WriteSlotInterceptor"/> waits in order and without a thread;
/// EF Core runs a single statement without one, which would wait in SQLite.
/// </summary>
internal sealed class SaveInTransaction : SaveChangesInterceptor
{
    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        var database = eventData.Context!.Database;
        if (database.AutoTransactionBehavior == AutoTransactionBehavior.WhenNeeded)
        {
            database.AutoTransactionBehavior = AutoTransactionBehavior.Always;
        }

        return result;
    }

    public override ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(SavingChanges(eventData, result));
}
