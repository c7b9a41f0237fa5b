using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Audit;

/// <summary>What happened, in the order of writing. An entry is written in the transaction of what it reports, and keeps its place and its id.</summary>
public sealed class AuditTrail(IDbContextFactory<AuthDbContext> contexts, ReadConnectionPool readers, GroupCommit commits)
{
    /// <summary>Writes an entry now, in the transaction that <paramref name="connection"/> is in; what every logout does.</summary>
    public static Task InsertAsync(PreparedConnection connection, AuditEntry entry) => connection.Prepare(
        """
        INSERT INTO "AuditEntries" ("At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
        VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7)
        """,
        entry.At.ToUnixTimeMilliseconds(),
        AuditEventNames.ToStored(entry.Event),
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

    /// <summary>When the latest entry was written, by the clock of then; <see langword="null"/> when there is none.</summary>
    internal async Task<DateTimeOffset?> LastWrittenAtAsync() =>
        await readers.ReadAsync(connection => connection.Prepare("""SELECT "At" FROM "AuditEntries" ORDER BY "Id" DESC LIMIT 1""").ExecuteScalarAsync()) is long at
            ? UnixTime.FromMilliseconds(at)
            : null;

    /// <summary>Deletes entries older than <paramref name="before"/>, <paramref name="limit"/> at most.</summary>
    /// <returns>How many.</returns>
    public Task<int> DeleteAsync(DateTimeOffset before, int limit) => commits.WriteAsync(connection => connection.Prepare(
        """DELETE FROM "AuditEntries" WHERE "Id" IN (SELECT "Id" FROM "AuditEntries" WHERE "At" < @p0 ORDER BY "At" LIMIT @p1)""",
        before.ToUnixTimeMilliseconds(),
        limit).ExecuteNonQueryAsync());
}
