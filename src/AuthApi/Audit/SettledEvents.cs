using System.Diagnostics;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Audit;

/// <summary>
/// Finds the last settled event: no event with an earlier id can still be committed. On SQLite one transaction writes at a time, so events are committed in the order of their ids. On
/// PostgreSQL an id is given before its transaction is committed, and a later id may be seen first.
/// </summary>
internal sealed class SettledEvents
{
    // How long it waits for a transaction that has written events and is not committed.
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private long _last;

    /// <summary>The id of the last settled event; the one that was found before where a transaction takes longer than a second.</summary>
    public async Task<long> FindLastAsync(AuthDbContext context)
    {
        var last = await context.Set<AuditEntry>().MaxAsync(entry => (long?)entry.Id) ?? 0;
        if (!context.Database.IsNpgsql())
        {
            return last;
        }

        // After it: who has been given an earlier id had the table's lock before, and keeps it until its commit can be seen.
        var writing = await FindWritersAsync(context);
        for (var began = Stopwatch.GetTimestamp(); writing.Count > 0;)
        {
            if (Stopwatch.GetElapsedTime(began) > MaxWait)
            {
                return Interlocked.Read(ref _last);
            }

            await Task.Delay(Pause);
            writing.IntersectWith(await FindWritersAsync(context));
        }

        // Another call may have found a later one.
        for (var known = Interlocked.Read(ref _last); known < last; known = Interlocked.Read(ref _last))
        {
            Interlocked.CompareExchange(ref _last, last, known);
        }

        return last;
    }

    private static async Task<HashSet<string>> FindWritersAsync(AuthDbContext context) => [.. await context.Database.SqlQuery<string>(
        $"""
        SELECT virtualtransaction AS "Value" FROM pg_locks
        WHERE locktype = 'relation' AND relation = '"AuditEntries"'::regclass AND mode = 'RowExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """).ToListAsync()];
}
