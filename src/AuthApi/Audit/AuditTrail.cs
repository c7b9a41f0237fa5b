using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Audit;

/// <summary>
/// What happened, in the order in which it was written. An entry is written in the transaction of what it reports, into a journal, from
/// which it is moved to its place among the entries of its user later; it is read from both.
/// </summary>
public sealed class AuditTrail(IDbContextFactory<AuthDbContext> contexts, GroupCommit commits)
{
    /// <summary>Where entries are written, and how they are moved.</summary>
    internal static readonly Journal Journal = new(
        """
        INSERT INTO "AuditEntries" ("Id", "At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
        SELECT "Id", "At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent" FROM "AuditJournal" ORDER BY "Id" LIMIT @p0
        """,
        """DELETE FROM "AuditJournal" WHERE "Id" IN (SELECT "Id" FROM "AuditJournal" ORDER BY "Id" LIMIT @p0)""")
    {
        // It numbers the entries, and goes on from the highest number there has been: an earlier version, which knows no journal, may have served
        // the file in between.
        Begin =
        [
            """
            INSERT INTO sqlite_sequence (name, seq) SELECT 'AuditJournal', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'AuditJournal')
            """,
            """
            UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'AuditEntries')
            WHERE name = 'AuditJournal' AND seq < (SELECT seq FROM sqlite_sequence WHERE name = 'AuditEntries')
            """,
        ],
    };

    /// <summary>Writes an entry now, in the transaction that <paramref name="connection"/> is in; what every logout does.</summary>
    public static Task InsertAsync(PreparedConnection connection, AuditEntry entry) => connection.Prepare(
        """
        INSERT INTO "AuditJournal" ("At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
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
    public Task<int> DeleteAsync(DateTimeOffset before, int limit) => commits.WriteAsync(connection => connection.Prepare(
        """DELETE FROM "AuditEntries" WHERE "Id" IN (SELECT "Id" FROM "AuditEntries" WHERE "At" < @p0 ORDER BY "At" LIMIT @p1)""",
        before.ToUnixTimeMilliseconds(),
        limit).ExecuteNonQueryAsync());
}
