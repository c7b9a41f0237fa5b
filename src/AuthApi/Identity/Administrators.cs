using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Identity;

/// <summary>Who administers. There is always one who can: the last one is neither disabled nor deleted nor loses the role.</summary>
internal sealed class Administrators(AuthDbContext context)
{
    // Of advisory locks, which are numbers of the database: "authadmn" in ASCII.
    private const long Lock = 0x6175746861646D6E;

    /// <summary>
    /// Whether a user is the only administrator whose account is not disabled. Call it in the transaction of the change, before which no other one is committed until
    /// this one is: of two administrators who remove each other, one stays.
    /// </summary>
    public async Task<bool> IsLastAsync(int userId)
    {
        await LockAsync();
        var administrators = from member in context.UserRoles
                             join role in context.Roles on member.RoleId equals role.Id
                             join user in context.Users on member.UserId equals user.Id
                             where role.Name == AccountRoles.Admin && user.DisabledAt == null
                             select user.Id;
        return await administrators.AnyAsync(id => id == userId) && !await administrators.AnyAsync(id => id != userId);
    }

    /// <summary>Makes a role where it is not there. Call it in the transaction that grants it: of two that grant the first one of this name, one makes it.</summary>
    public async Task<IdentityResult> MakeRoleAsync(RoleManager<IdentityRole<int>> roles, string name)
    {
        await LockAsync();
        return await roles.RoleExistsAsync(name) ? IdentityResult.Success : await roles.CreateAsync(new IdentityRole<int>(name));
    }

    /// <summary>
    /// Makes changes of who administers wait for the caller's transaction. Call it before the row of an account is locked: in another order two of them would wait for each
    /// other on PostgreSQL.
    /// </summary>
    public async Task LockAsync()
    {
        // On SQLite who has a transaction is the only one who writes.
        if (context.Database.IsNpgsql())
        {
            await context.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({Lock})");
        }
    }
}
