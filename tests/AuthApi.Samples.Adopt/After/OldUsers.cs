using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace Sample;

/// <summary>Copies the accounts of Identity's stock tables, whose ids are texts, to AuthApi's, whose ids are numbers.</summary>
internal static class OldUsers
{
    /// <summary>The claim of a copied user that tells the id they had, by which the application's own rows may know them.</summary>
    public const string OldId = "old_id";

    /// <summary>Copies all of them in one transaction if there is no account yet. The old tables stay as they are.</summary>
    public static async Task CopyAsync(IServiceProvider services)
    {
        var from = services.GetRequiredService<IdentityDbContext>();
        var to = services.GetRequiredService<AuthDbContext>();
        if (await to.Users.AnyAsync())
        {
            return;
        }

        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var users = await from.Users.AsNoTracking().ToDictionaryAsync(user => user.Id, user => Copy(user, now));
        var roles = await from.Roles.AsNoTracking().ToDictionaryAsync(
            role => role.Id, role => new IdentityRole<int> { Name = role.Name, NormalizedName = role.NormalizedName });

        await using var transaction = await to.Database.BeginTransactionAsync();
        to.AddRange(users.Values);
        to.AddRange(roles.Values);

        // Saved here for the new ids, which the other tables refer to.
        await to.SaveChangesAsync();
        to.AddRange(users.Select(user => new IdentityUserClaim<int> { UserId = user.Value.Id, ClaimType = OldId, ClaimValue = user.Key }));
        to.AddRange((await from.UserClaims.AsNoTracking().ToListAsync()).Select(claim =>
            new IdentityUserClaim<int> { UserId = users[claim.UserId].Id, ClaimType = claim.ClaimType, ClaimValue = claim.ClaimValue }));
        to.AddRange((await from.RoleClaims.AsNoTracking().ToListAsync()).Select(claim =>
            new IdentityRoleClaim<int> { RoleId = roles[claim.RoleId].Id, ClaimType = claim.ClaimType, ClaimValue = claim.ClaimValue }));
        to.AddRange((await from.UserRoles.AsNoTracking().ToListAsync()).Select(membership =>
            new IdentityUserRole<int> { UserId = users[membership.UserId].Id, RoleId = roles[membership.RoleId].Id }));
        to.AddRange((await from.UserLogins.AsNoTracking().ToListAsync()).Select(login => new IdentityUserLogin<int>
        {
            UserId = users[login.UserId].Id,
            LoginProvider = login.LoginProvider,
            ProviderKey = login.ProviderKey,
            ProviderDisplayName = login.ProviderDisplayName,
        }));

        // The keys of authenticator apps and the recovery codes are among these.
        to.AddRange((await from.UserTokens.AsNoTracking().ToListAsync()).Select(token => new IdentityUserToken<int>
        {
            UserId = users[token.UserId].Id,
            LoginProvider = token.LoginProvider,
            Name = token.Name,
            Value = token.Value,
        }));
        await to.SaveChangesAsync();
        await transaction.CommitAsync();
    }

    private static ApplicationUser Copy(IdentityUser user, DateTimeOffset now) => new()
    {
        UserName = user.UserName,
        NormalizedUserName = user.NormalizedUserName,
        Email = user.Email,
        NormalizedEmail = user.NormalizedEmail,
        EmailConfirmed = user.EmailConfirmed,
        PasswordHash = user.PasswordHash,
        SecurityStamp = user.SecurityStamp,
        PhoneNumber = user.PhoneNumber,
        PhoneNumberConfirmed = user.PhoneNumberConfirmed,
        TwoFactorEnabled = user.TwoFactorEnabled,
        LockoutEnd = user.LockoutEnd,
        LockoutEnabled = user.LockoutEnabled,
        AccessFailedCount = user.AccessFailedCount,

        // Identity's own tables do not say when.
        CreatedAt = now,
    };
}
