using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Audit;

/// <summary>
/// What happened, in the order in which it was written. An entry is added in the transaction of what it reports
/// (<see cref="Add"/>, <see cref="InsertAsync"/>).
/// </summary>
public sealed class AuditTrail(IDbContextFactory<AuthDbContext> contexts, GroupCommit commits)
{
    /// <summary>Adds an entry to what <paramref name="context"/> is about to save.</summary>
    // A copy, as a write may run twice, and the database numbers the instance it is given.
    public static void Add(AuthDbContext context, AuditEntry entry) => context.Add(entry with { });

    /// <summary>Writes an entry now, in the transaction that <paramref name="context"/> is in; what every logout does.</summary>
    public static Task InsertAsync(AuthDbContext context, AuditEntry entry) => context.Prepare(
        """
        INSERT INTO "AuditEntries" ("At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
        VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7)
        """,
        entry.At.ToUnixTimeMilliseconds(),
        entry.Event.ToString(),
        entry.UserId,
        entry.SessionId,
        entry.BySessionId,
        entry.Reason,
        entry.IpAddress,
        entry.UserAgent).ExecuteNonQueryAsync();

    /// <summary>A user's entries, the latest first.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="before">Only entries with a smaller id.</param>
    /// <param name="limit">How many at most.</param>
    public async Task<IReadOnlyList<AuditEntry>> ListAsync(int userId, long before, int limit)
    {
        await using var context = await contexts.CreateDbContextAsync();
        return await context.Set<AuditEntry>().AsNoTracking()
            .Where(entry => entry.UserId == userId && entry.Id < before)
            .OrderByDescending(entry => entry.Id)
            .Take(limit)
            .ToListAsync();
    }

    /// <summary>Deletes entries older than <paramref name="before"/>, <paramref name="limit"/> at most.</summary>
    /// <returns>How many.</returns>
    public Task<int> DeleteAsync(DateTimeOffset before, int limit) => commits.WriteAsync(context => context.Set<AuditEntry>()
        .Where(entry => context.Set<AuditEntry>().Where(old => old.At < before).OrderBy(old => old.At).Take(limit).Select(old => old.Id).Contains(entry.Id))
        .ExecuteDeleteAsync());
}
