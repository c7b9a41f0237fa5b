using System.Globalization;
using System.Security.Claims;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Identity;

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
    // Identity's own sign-in with a password makes properties itself and takes none.
    private AuthenticationProperties? _properties;

    private ApplicationUserManager Users => (ApplicationUserManager)UserManager;

    /// <summary>Signs in with a password and starts a session. A failure is recorded and counted, and may lock the account.</summary>
    /// <returns>Not allowed where the password is right, and the address not confirmed or another password required.</returns>
    /// <param name="user">The user; <see langword="null"/> if there is none with the given name.</param>
    /// <param name="password">The password to check.</param>
    /// <param name="properties">How to start the session; they return the session that was started.</param>
    public async Task<SignInResult> PasswordSignInAsync(ApplicationUser? user, string password, AuthenticationProperties properties)
    {
        _properties = properties;
        var mayTry = await MayTryAsync(user);
        var result = mayTry
            ? await PasswordSignInAsync(user!, password, properties.IsPersistent, lockoutOnFailure: false)
            : SignInResult.NotAllowed;
        if (result.Succeeded || result.RequiresTwoFactor)
        {
            return result;
        }

        // Identity refuses an address that is not confirmed before it looks at the password; a caller with the password learns why.
        if (mayTry && result.IsNotAllowed)
        {
            if (await Users.CheckPasswordAsync(user!, password))
            {
                return SignInResult.NotAllowed;
            }

            result = SignInResult.Failed;
        }

        await RefuseAsync(result, user, password, AuditEvent.SignInFailed, sessionId: null);
        return SignInResult.Failed;
    }

    /// <summary>Whether this is the password of the session's user, who may sign in. A failure is recorded and counted, and may lock the account.</summary>
    /// <param name="user">The user; <see langword="null"/> if the account is gone.</param>
    /// <param name="password">The password to check.</param>
    /// <param name="sessionId">The session in which the password was given.</param>
    public async Task<bool> ReauthenticateAsync(ApplicationUser? user, string password, Guid sessionId)
    {
        var result = await MayTryAsync(user) ? await CheckPasswordSignInAsync(user!, password, lockoutOnFailure: false) : SignInResult.NotAllowed;
        if (!result.Succeeded)
        {
            await RefuseAsync(result, user, password, AuditEvent.ReauthenticationFailed, sessionId);
        }

        return result.Succeeded;
    }

    /// <summary>Whether the user may sign in: the address is confirmed where it must be, and no other password is required.</summary>
    public override async Task<bool> CanSignInAsync(ApplicationUser user)
    {
        ArgumentNullException.ThrowIfNull(user);
        return await base.CanSignInAsync(user) && !user.MustChangePassword;
    }

    /// <summary>Starts a session, however the user has authenticated, and notifies the owner if the device is new to the account.</summary>
    public override async Task SignInWithClaimsAsync(ApplicationUser user, AuthenticationProperties? authenticationProperties, IEnumerable<Claim> additionalClaims)
    {
        var properties = _properties ?? authenticationProperties ?? new AuthenticationProperties();
        await base.SignInWithClaimsAsync(user, properties, additionalClaims);
        if (properties.GetStartedSession() is { } started)
        {
            await Context.RequestServices.GetRequiredService<KnownDevices>().NoteAsync(user, started.Session);
        }
    }

    // The lock of a user who is not there is read too, in the time in which one would be found.
    private async Task<bool> MayTryAsync(ApplicationUser? user) => !await Users.IsLockedOutAsync(user ?? ApplicationUserManager.Nobody) && user is not null;

    private async Task RefuseAsync(SignInResult result, ApplicationUser? user, string password, string failure, Guid? sessionId)
    {
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
            UserId = user?.Id.ToString(CultureInfo.InvariantCulture),
            SessionId = sessionId,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        });
    }
}
