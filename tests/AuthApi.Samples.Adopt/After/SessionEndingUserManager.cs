using AuthApi.Audit;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Sample;

/// <summary>
/// Ends a user's sessions when Identity changes their security stamp: with a new password, a second factor, or another address. Identity's
/// cookie looked at the stamp every 30 minutes; a session does not look at it at all.
/// </summary>
internal sealed class SessionEndingUserManager(
    IUserStore<ApplicationUser> store,
    IOptions<IdentityOptions> options,
    IPasswordHasher<ApplicationUser> passwordHasher,
    IEnumerable<IUserValidator<ApplicationUser>> userValidators,
    IEnumerable<IPasswordValidator<ApplicationUser>> passwordValidators,
    ILookupNormalizer keyNormalizer,
    IdentityErrorDescriber errors,
    IServiceProvider services,
    ILogger<UserManager<ApplicationUser>> logger,
    UserSessionManager sessions)
    : UserManager<ApplicationUser>(store, options, passwordHasher, userValidators, passwordValidators, keyNormalizer, errors, services, logger)
{
    protected override async Task<IdentityResult> UpdateUserAsync(ApplicationUser user)
    {
        var stamp = await Users.Where(stored => stored.Id == user.Id).Select(stored => stored.SecurityStamp).SingleOrDefaultAsync();
        var result = await base.UpdateUserAsync(user);
        if (result.Succeeded && stamp != user.SecurityStamp)
        {
            await sessions.EndAllAsync(user.Id, new SessionEnd(AuditEvent.SessionRevoked, Reason: "security_stamp"));
        }

        return result;
    }
}
