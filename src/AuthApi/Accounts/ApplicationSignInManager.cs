using System.Security.Claims;
using AuthApi.Api;
using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Accounts;

/// <summary>
/// Identity's sign-in manager, with a check of passwords that takes the same time whatever it refuses them for (ASVS 6.3.8): an unknown user,
/// a wrong password, a locked account, an account that may not sign in, or one without a password.
/// </summary>
public class ApplicationSignInManager(
    UserManager<ApplicationUser> userManager,
    IHttpContextAccessor contextAccessor,
    IUserClaimsPrincipalFactory<ApplicationUser> claimsFactory,
    IOptions<IdentityOptions> options,
    ILogger<SignInManager<ApplicationUser>> logger,
    IAuthenticationSchemeProvider schemes,
    IUserConfirmation<ApplicationUser> confirmation,
    TimeProvider time)
    : SignInManager<ApplicationUser>(userManager, contextAccessor, claimsFactory, options, logger, schemes, confirmation)
{
    private ApplicationUserManager Users => (ApplicationUserManager)UserManager;

    /// <summary>Signs in with a password and starts a session. A failure is counted, and may lock the account.</summary>
    /// <param name="user">The user; <see langword="null"/> if there is none with the given name.</param>
    /// <param name="password">The password to check.</param>
    /// <param name="properties">How to start the session; they return the session that was started.</param>
    public async Task<SignInResult> PasswordSignInAsync(ApplicationUser? user, string password, AuthenticationProperties properties)
    {
        if (!await TryPasswordAsync(user, password, AuditEvent.SignInFailed))
        {
            return SignInResult.Failed;
        }

        if (await IsTwoFactorEnabledAsync(user!) && !await IsTwoFactorClientRememberedAsync(user!))
        {
            return SignInResult.TwoFactorRequired;
        }

        await SignInWithClaimsAsync(user!, properties, [new Claim("amr", "pwd")]);
        return SignInResult.Success;
    }

    /// <summary>Whether the user may sign in and this is the password. A failure is recorded and counted, and may lock the account.</summary>
    /// <param name="user">The user; <see langword="null"/> if there is none with the given name.</param>
    /// <param name="password">The password to check.</param>
    /// <param name="failure">The event to record on failure.</param>
    /// <param name="sessionId">The session in which the password was given, if any.</param>
    public async Task<bool> TryPasswordAsync(ApplicationUser? user, string password, AuditEvent failure, Guid? sessionId = null)
    {
        var isLockedOut = await Users.IsLockedOutAsync(user ?? ApplicationUserManager.Nobody);
        var result = user is null || isLockedOut ? SignInResult.NotAllowed : await CheckPasswordSignInAsync(user, password, lockoutOnFailure: false);
        if (result.Succeeded)
        {
            return true;
        }

        // Where Identity refuses before it looks at the password, the same is done as if it had looked.
        if (result.IsNotAllowed || result.IsLockedOut)
        {
            await Users.SpendPasswordCheckAsync(password);
        }

        var client = ClientInfo.Of(Context);
        await Users.CountFailureAsync(user ?? ApplicationUserManager.Nobody, new AuditEntry
        {
            At = time.GetUtcNow(),
            Event = failure,
            UserId = user?.Id,
            SessionId = sessionId,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        });
        return false;
    }
}
