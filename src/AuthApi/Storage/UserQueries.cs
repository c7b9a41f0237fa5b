using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>What several statements about a user have in common.</summary>
internal static class UserQueries
{
    /// <summary>The user with this id, unless the account is disabled, or sign-in is locked at that time.</summary>
    public static IQueryable<ApplicationUser> MayTry(this IQueryable<ApplicationUser> users, int id, DateTimeOffset now) =>
        users.Where(user => user.Id == id && user.DisabledAt == null && (!user.LockoutEnabled || user.LockoutEnd == null || user.LockoutEnd < now));

    /// <summary>
    /// Locks the row of a user in the caller's transaction, so that what is decided by several rows of the user is decided one after the other. Who changes or deletes
    /// the account has its row first too; in another order two of them would wait for each other on PostgreSQL.
    /// </summary>
    public static Task<int> LockAsync(this IQueryable<ApplicationUser> users, int id) => users.Where(user => user.Id == id)
        .ExecuteUpdateAsync(update => update.SetProperty(user => user.AccessFailedCount, user => user.AccessFailedCount));
}
