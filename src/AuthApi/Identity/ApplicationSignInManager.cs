using System.Globalization;
using System.Security.Claims;
using AuthApi.Factors;
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
    private const string WrongFactor = "wrong_factor";

    // Identity's own sign-in with a password makes properties itself and takes none; nor does it take a factor beside the password.
    private AuthenticationProperties? _properties;
    private GivenFactor _factor;
    private bool _isFactorWrong;
    private bool _isCodeWrong;
    private bool _isSignedIn;

    private ApplicationUserManager Users => (ApplicationUserManager)UserManager;

    /// <summary>
    /// Signs in with a password, and a factor where the account has one, and starts a session. A failure of either is recorded and counted, and may lock the account.
    /// </summary>
    /// <returns>
    /// Not allowed where the password is right and the address not confirmed or another password required. Requires two factors where the password is right, the account has a second factor, and
    /// none was given.
    /// </returns>
    /// <param name="user">The user; <see langword="null"/> if there is none with the given name.</param>
    /// <param name="password">The password to check.</param>
    /// <param name="properties">How to start the session; they return the session that was started.</param>
    /// <param name="factor">The factor that came with it.</param>
    public async Task<SignInResult> PasswordSignInAsync(ApplicationUser? user, string password, AuthenticationProperties properties, GivenFactor factor = default)
    {
        (_properties, _factor, _isFactorWrong, _isCodeWrong) = (properties, factor, false, false);
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

    /// <summary>
    /// Whether these are the password and the factor of the session's user; one of the two may be left out. What may keep a user from signing in does not matter, as the session goes
    /// on: an address that is not confirmed, where that came to be required later. A failure is recorded and counted, and may lock the account.
    /// </summary>
    /// <param name="user">The user; <see langword="null"/> if the account is gone.</param>
    /// <param name="password">The password to check.</param>
    /// <param name="sessionId">The session in which they were given.</param>
    /// <param name="factor">The factor to check.</param>
    public async Task<bool> ReauthenticateAsync(ApplicationUser? user, string? password, Guid sessionId, GivenFactor factor = default)
    {
        _isSignedIn = true;
        var result = !await MayTryAsync(user) ? SignInResult.NotAllowed
            : password is null ? SignInResult.Success
            : await CheckPasswordSignInAsync(user!, password, lockoutOnFailure: false);
        if (result.Succeeded && (factor.IsGiven || password is null) && await UseFactorAsync(user!, factor) is null)
        {
            result = SignInResult.Failed;
        }

        if (!result.Succeeded)
        {
            await RefuseAsync(result, user, password, AuditEvent.ReauthenticationFailed, sessionId);
        }

        return result.Succeeded;
    }

    /// <summary>
    /// Whether the user may sign in: the address is confirmed where it must be, and no other password is required. Identity also asks before it looks at the password of a user who
    /// is signed in.
    /// </summary>
    public override async Task<bool> CanSignInAsync(ApplicationUser user)
    {
        ArgumentNullException.ThrowIfNull(user);
        return _isSignedIn || (await base.CanSignInAsync(user) && !user.MustChangePassword);
    }

    /// <summary>Whether a login needs a second factor. Identity answers no where it finds no key of an app, and would let the user in by the password.</summary>
    public override Task<bool> IsTwoFactorEnabledAsync(ApplicationUser user) => Task.FromResult(user.TwoFactorEnabled);

    /// <summary>Uses the factor up that was given with the password.</summary>
    protected override async Task<SignInResult> SignInOrTwoFactorAsync(
        ApplicationUser user, bool isPersistent, string? loginProvider = null, bool bypassTwoFactor = false)
    {
        if (!user.TwoFactorEnabled || !_factor.IsGiven)
        {
            return await base.SignInOrTwoFactorAsync(user, isPersistent, loginProvider, bypassTwoFactor);
        }

        if (await UseFactorAsync(user, _factor) is not { } method)
        {
            return SignInResult.Failed;
        }

        await SignInWithClaimsAsync(
            user, isPersistent, [new Claim(AuthenticationMethod.ClaimType, AuthenticationMethod.Password), new Claim(AuthenticationMethod.ClaimType, method)]);
        return SignInResult.Success;
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

    // How the factor is called that was used up; null if it is wrong or was used before.
    private async Task<string?> UseFactorAsync(ApplicationUser user, GivenFactor factor)
    {
        var services = Context.RequestServices;
        var method = !user.TwoFactorEnabled ? null
            : factor.AuthenticatorCode is { } code
                ? await services.GetRequiredService<Authenticators>().UseAsync(user, code) ? AuthenticationMethod.AuthenticatorCode : null
            : factor.RecoveryCode is { } recovery && await services.GetRequiredService<RecoveryCodes>().UseAsync(user, recovery) ? AuthenticationMethod.RecoveryCode
            : null;
        _isFactorWrong = method is null;
        _isCodeWrong = _isFactorWrong && user.TwoFactorEnabled && factor.AuthenticatorCode is not null;
        return method;
    }

    private async Task RefuseAsync(SignInResult result, ApplicationUser? user, string? password, string failure, Guid? sessionId)
    {
        // Where Identity refuses before it looks at the password, the same is done as if it had looked.
        if (password is not null && (result.IsNotAllowed || result.IsLockedOut))
        {
            await Users.SpendPasswordCheckAsync(password);
        }

        var client = ClientInfo.Of(Context);
        var entry = new AuditEntry
        {
            At = time.GetUtcNow(),
            Event = failure,
            UserId = user?.Id.ToString(CultureInfo.InvariantCulture),
            SessionId = sessionId,
            Reason = _isFactorWrong ? WrongFactor : null,
            IpAddress = client.IpAddress,
            UserAgent = client.UserAgent,
        };

        // A factor is looked at after the password.
        await Users.CountFailureAsync(user ?? ApplicationUserManager.Nobody, entry, isOnlyFactorWrong: _isFactorWrong && failure == AuditEvent.SignInFailed, _isCodeWrong);
    }
}

/// <summary>A second factor that came with a password.</summary>
/// <param name="AuthenticatorCode">The code of an authenticator app.</param>
/// <param name="RecoveryCode">A recovery code.</param>
public readonly record struct GivenFactor(string? AuthenticatorCode, string? RecoveryCode)
{
    /// <summary>Whether there is one.</summary>
    public bool IsGiven => AuthenticatorCode is not null || RecoveryCode is not null;

    /// <summary>Says nothing of the codes.</summary>
    public override string ToString() => nameof(GivenFactor);
}
