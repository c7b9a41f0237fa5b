using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Sessions;

/// <summary>
/// Sessions in the database, by EF Core. A session is never updated into being: a start inserts, an end deletes, and a last
/// use updates a row that is there or does nothing.
/// </summary>
/// <remarks>A write may run twice, so each run adds its own copy of an audit entry: the database numbers the one it is given.</remarks>
internal sealed class UserSessionStore(IDbContextFactory<AuthDbContext> contexts, GroupCommit commits) : IUserSessionStore
{
    private static readonly Func<AuthDbContext, TokenHash, Task<UserSession?>> ByTokenHash = EF.CompileAsyncQuery(
        (AuthDbContext context, TokenHash tokenHash) =>
            context.Set<UserSession>().AsNoTracking().SingleOrDefault(session => session.TokenHash == tokenHash));

    // Look-ups are not cancelled when a client hangs up: its logout would be lost with them.
    public async Task<UserSession?> FindAsync(TokenHash tokenHash)
    {
        await using var context = await contexts.CreateDbContextAsync();
        return await ByTokenHash(context, tokenHash);
    }

    public Task StartAsync(UserSession session, UserSession? replaces, AuditEntry started, AuditEntry? replaced) =>
        commits.WriteAsync(async context =>
        {
            if (replaces is not null && await DeleteAsync(context, replaces.Id) && replaced is not null)
            {
                context.Add(replaced with { });
            }

            context.Add(session);
            context.Add(started with { });
            return true;
        });

    public Task<bool> EndAsync(Guid sessionId, AuditEntry entry) =>
        commits.WriteAsync(async context =>
        {
            var ended = await DeleteAsync(context, sessionId);
            if (ended)
            {
                context.Add(entry with { });
            }

            return ended;
        });

    public Task WriteLastSeenAsync(IReadOnlyList<LastSeen> lastSeen) =>
        commits.WriteAsync(async context =>
        {
            foreach (var (id, at, idleExpiresAt) in lastSeen)
            {
                await context.Set<UserSession>()
                    .Where(session => session.Id == id && session.LastSeenAt < at)
                    .ExecuteUpdateAsync(update => update
                        .SetProperty(session => session.LastSeenAt, at)
                        .SetProperty(session => session.IdleExpiresAt, idleExpiresAt));
            }

            return true;
        });

    public Task<IReadOnlyList<TokenHash>> DeleteExpiredAsync(DateTimeOffset now, int limit) =>
        commits.WriteAsync<IReadOnlyList<TokenHash>>(async context =>
        {
            var expired = await context.Set<UserSession>().AsNoTracking()
                .Where(session => session.IdleExpiresAt <= now)
                .OrderBy(session => session.IdleExpiresAt)
                .Take(limit)
                .Select(session => new { session.Id, session.UserId, session.TokenHash })
                .ToListAsync();

            var ids = expired.Select(session => session.Id).ToList();
            await context.Set<UserSession>().Where(session => ids.Contains(session.Id)).ExecuteDeleteAsync();
            context.AddRange(expired.Select(session =>
                new AuditEntry { At = now, Event = AuditEvent.SessionExpired, UserId = session.UserId, SessionId = session.Id }));
            return [.. expired.Select(session => session.TokenHash)];
        });

    private static async Task<bool> DeleteAsync(AuthDbContext context, Guid sessionId) =>
        await context.Set<UserSession>().Where(session => session.Id == sessionId).ExecuteDeleteAsync() == 1;
}
