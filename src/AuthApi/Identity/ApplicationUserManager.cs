using System.Globalization;
using AuthApi.Codes;
using AuthApi.Factors;
using AuthApi.Mail;
using AuthApi.Passwords;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthApi.Identity;

/// <summary>
/// Identity's user manager, with three differences. Passwords are hashed by <see cref="PasswordHashLimiter"/>. A refusal takes the same
/// time whatever its reason. And failures are counted in one statement, where Identity reads the row, adds one, and writes it back if
/// nobody else has: of concurrent guesses one would count, and the owner's right password would be refused if it met a stranger's wrong one.
/// </summary>
public sealed partial class ApplicationUserManager : UserManager<ApplicationUser>
{
    private readonly PasswordHashLimiter _limiter;
    private readonly IServiceProvider _services;
    private readonly IHttpContextAccessor _http;
    private readonly TimeProvider _time;

    // Not the base's, whose category is the framework's and says nothing below Warning.
    private readonly ILogger _logger;

    public ApplicationUserManager(
        IUserStore<ApplicationUser> store,
        IOptions<IdentityOptions> options,
        IPasswordHasher<ApplicationUser> passwordHasher,
        IEnumerable<IUserValidator<ApplicationUser>> userValidators,
        IEnumerable<IPasswordValidator<ApplicationUser>> passwordValidators,
        ILookupNormalizer keyNormalizer,
        IdentityErrorDescriber errors,
        IServiceProvider services,
        ILogger<UserManager<ApplicationUser>> logger)
        : base(store, options, passwordHasher, userValidators, passwordValidators, keyNormalizer, errors, services, logger)
    {
        _limiter = services.GetRequiredService<PasswordHashLimiter>();
        _http = services.GetRequiredService<IHttpContextAccessor>();
        _services = services;
        _time = services.GetRequiredService<TimeProvider>();
        _logger = services.GetRequiredService<ILogger<ApplicationUserManager>>();
    }

    /// <summary>A user who is not in the store. What is done for them finds nothing, in the time in which it would find something.</summary>
    public static ApplicationUser Nobody { get; } = new();

    // A lock that ends later is for ever. SQLite keeps the greatest time to the millisecond, so it is not equal to itself.
    private static readonly DateTimeOffset LastLockoutEnd = DateTimeOffset.MaxValue.AddYears(-1);

    /// <summary>Whether the account is disabled, or locked for ever.</summary>
    public static bool IsDisabled(ApplicationUser user) => user.DisabledAt is not null || user.LockoutEnd > LastLockoutEnd;

    /// <summary>Whether the account is disabled, or locked now, whatever was read of it before.</summary>
    public override async Task<bool> IsLockedOutAsync(ApplicationUser user) => await Context.Users
        .Where(stored => stored.Id == user.Id)
        .Select(stored => new { stored.DisabledAt, LockoutEnd = stored.LockoutEnabled ? stored.LockoutEnd : null })
        .SingleOrDefaultAsync() is { } found && (found.DisabledAt is not null || found.LockoutEnd >= _time.GetUtcNow());

    /// <summary>
    /// Whether this is the password, and the account is still not locked: of many guesses that began before the lock, those that end
    /// after it are refused.
    /// </summary>
    public override async Task<bool> CheckPasswordAsync(ApplicationUser user, string password) =>
        await base.CheckPasswordAsync(user, password) && !await IsLockedOutAsync(user);

    /// <summary>
    /// Does what <c>SignInManager</c> does to verify a password, where there is no password to compare with: reads a lock and hashes (ASVS 6.3.8).
    /// </summary>
    public async Task SpendPasswordCheckAsync(string password)
    {
        await IsLockedOutAsync(Nobody);
        await VerifyAsync(Nobody, password);
    }

    /// <summary>The user with this address, in any of the forms in which it may be indexed.</summary>
    public override async Task<ApplicationUser?> FindByEmailAsync(string email)
    {
        var forms = EmailAddress.IndexedForms(email);
        return forms.Count == 1
            ? await base.FindByEmailAsync(email)
            : (await Context.Users.Where(user => forms.Contains(user.NormalizedEmail!)).ToListAsync()).MinBy(user => forms.IndexOf(user.NormalizedEmail!));
    }

    /// <summary>
    /// What a code for the user with this address is bound to, and no more of them: to read a whole user takes a time that would show in the answer to a wrong code. Read them by
    /// <see cref="FindByEmailAsync"/> after the code was right.
    /// </summary>
    /// <returns><see cref="Nobody"/> if there is no such user.</returns>
    public async Task<ApplicationUser> FindCodeOwnerAsync(string email)
    {
        var forms = EmailAddress.IndexedForms(email);
        var found = await Context.Users.Where(user => forms.Contains(user.NormalizedEmail!)).Select(user => new { user.Id, user.SecurityStamp, user.NormalizedEmail }).ToListAsync();
        return found.MinBy(user => forms.IndexOf(user.NormalizedEmail!)) is { } owner ? new ApplicationUser { Id = owner.Id, SecurityStamp = owner.SecurityStamp } : Nobody;
    }

    /// <summary>
    /// Locks the row of a user in the caller's transaction, and reads it as it is then, also where the context has read it before. Call it before anything else of the user
    /// is written: changes of one account are made one after the other, and none is refused because another one has overtaken it.
    /// </summary>
    /// <returns><see langword="null"/> if the account has been deleted.</returns>
    public async Task<ApplicationUser?> FindLockedAsync(int userId)
    {
        await Context.Users.LockAsync(userId);
        if (Context.Users.Local.FindEntry(userId) is not { } known)
        {
            return await Context.Users.SingleOrDefaultAsync(user => user.Id == userId);
        }

        await known.ReloadAsync();
        return known.State == EntityState.Detached ? null : known.Entity;
    }

    /// <summary>
    /// Locks and reads the user of the request's session, if that session is still live and has the token that the request came with. A client may hold a call that was
    /// authenticated by sending its body slowly: a thief's would otherwise add a passkey after the owner has ended the thief's session, or renewed the token that the thief copied.
    /// </summary>
    /// <returns><see langword="null"/> if the session has ended or its token been renewed, or the account has been deleted.</returns>
    public async Task<ApplicationUser?> FindLockedCallerAsync()
    {
        var session = _http.HttpContext!.GetUserSession().Session;
        var userId = int.Parse(session.UserId, CultureInfo.InvariantCulture);
        return await FindLockedAsync(userId) is { } user
            && await Context.Set<UserSession>().AnyAsync(stored =>
                stored.Key == session.Key && stored.TokenHash == session.TokenHash && stored.Id == session.Id && EF.Property<int>(stored, "UserKey") == userId)
                ? user
                : null;
    }

    /// <summary>Saves the user with a new security stamp, and deletes the codes that it voids, so that another one is sent at once.</summary>
    public override async Task<IdentityResult> UpdateSecurityStampAsync(ApplicationUser user)
    {
        var result = await base.UpdateSecurityStampAsync(user);
        if (result.Succeeded)
        {
            await _services.GetRequiredService<OneTimeCodes>().DeleteAllAsync(user);
        }

        return result;
    }

    /// <summary>Saves a user that <see cref="FindLockedAsync"/> returned, with a new security stamp, which ends the user's sessions.</summary>
    public async Task SaveWithNewStampAsync(ApplicationUser user)
    {
        var result = await UpdateSecurityStampAsync(user);
        if (!result.Succeeded)
        {
            throw new InvalidOperationException($"The account was not saved: {result}");
        }
    }

    /// <summary>The user with this name, which may be an address.</summary>
    public override async Task<ApplicationUser?> FindByNameAsync(string userName)
    {
        var forms = EmailAddress.IndexedForms(userName);
        return forms.Count == 1
            ? await base.FindByNameAsync(userName)
            : (await Context.Users.Where(user => forms.Contains(user.NormalizedUserName!)).ToListAsync()).MinBy(user => forms.IndexOf(user.NormalizedUserName!));
    }

    /// <summary>
    /// Counts a failure, locks the account when there have been too many, and records it, in one transaction. A failure while the account is
    /// locked is recorded and not counted; a lock that would last longer than a new one, as after a clock that was ahead, is shortened to that.
    /// </summary>
    /// <param name="user">Whose password it was; <see cref="Nobody"/>, for whom nothing is counted, takes as long.</param>
    /// <param name="failure">The entry to record.</param>
    /// <param name="isOnlyFactorWrong">Whether it was a sign-in whose password was right: then the owner is notified.</param>
    /// <param name="isCodeWrong">Whether it was a code of the authenticator app that was wrong, of which there may be so many in a row.</param>
    public async Task CountFailureAsync(ApplicationUser user, AuditEntry failure, bool isOnlyFactorWrong, bool isCodeWrong)
    {
        var now = _time.GetUtcNow();
        var lockoutEnd = now + Options.Lockout.DefaultLockoutTimeSpan;
        var max = Options.Lockout.MaxFailedAccessAttempts;
        await using var transaction = await Context.Database.BeginTransactionAsync();
        if (isCodeWrong)
        {
            await _services.GetRequiredService<WrongCodes>().CountAsync(user, failure);
        }

        await Context.Users.Where(stored => stored.Id == user.Id).ExecuteUpdateAsync(update => update
            .SetProperty(
                stored => stored.LockoutEnd,
                stored => stored.LockoutEnabled && stored.LockoutEnd > LastLockoutEnd ? stored.LockoutEnd
                    : stored.LockoutEnabled && stored.LockoutEnd >= now ? (stored.LockoutEnd < lockoutEnd ? stored.LockoutEnd : lockoutEnd)
                    : stored.AccessFailedCount + 1 >= max ? lockoutEnd
                    : stored.LockoutEnd)
            .SetProperty(
                stored => stored.AccessFailedCount,
                stored => stored.LockoutEnabled && stored.LockoutEnd >= now ? stored.AccessFailedCount
                    : stored.AccessFailedCount + 1 >= max ? 0
                    : stored.AccessFailedCount + 1));
        var storedEnd = await Context.Users.Where(stored => stored.Id == user.Id).Select(stored => stored.LockoutEnd).SingleOrDefaultAsync();
        if (isOnlyFactorWrong)
        {
            await _services.GetRequiredService<WrongFactorNotice>().AddAsync(user, now, new ClientInfo(failure.IpAddress, failure.UserAgent));
        }

        Context.AddAuditEntry(failure);
        await Context.SaveChangesAsync();
        await transaction.CommitAsync();
        if (storedEnd?.ToUnixTimeMilliseconds() == lockoutEnd.ToUnixTimeMilliseconds())
        {
            Log.LockedOut(_logger, user.Id, lockoutEnd);
        }
    }

    /// <summary>Resets the failures after a success; no write where there were none.</summary>
    public override async Task<IdentityResult> ResetAccessFailedCountAsync(ApplicationUser user)
    {
        if (user.AccessFailedCount != 0)
        {
            await Context.Users.Where(stored => stored.Id == user.Id)
                .ExecuteUpdateAsync(update => update.SetProperty(stored => stored.AccessFailedCount, 0));
        }

        return IdentityResult.Success;
    }

    /// <summary>Creates an account with a password. Identity's own hashes it on the thread of the caller.</summary>
    public override async Task<IdentityResult> CreateAsync(ApplicationUser user, string password)
    {
        var validated = await ValidatePasswordAsync(user, password);
        if (!validated.Succeeded)
        {
            return validated;
        }

        user.PasswordHash = await _limiter.RunAsync(() => PasswordHasher.HashPassword(user, password), RequestAborted);
        return await CreateAsync(user);
    }

    /// <summary>
    /// Checks a new password by the rules, and sets its hash. Nothing is saved: <see cref="UserManager{TUser}.UpdateSecurityStampAsync"/> does, with a new stamp, which
    /// ends the user's sessions.
    /// </summary>
    public async Task<IdentityResult> HashNewPasswordAsync(ApplicationUser user, string password)
    {
        var validated = await ValidatePasswordAsync(user, password);
        if (!validated.Succeeded)
        {
            return validated;
        }

        if (user is { MustChangePassword: true, PasswordHash: { } old }
            && await _limiter.RunAsync(() => PasswordHasher.VerifyHashedPassword(user, old, password), RequestAborted) != PasswordVerificationResult.Failed)
        {
            return IdentityResult.Failed(new IdentityError { Code = "PasswordNotChanged", Description = "This must be another password than before." });
        }

        user.PasswordHash = await _limiter.RunAsync(() => PasswordHasher.HashPassword(user, password), RequestAborted);
        user.MustChangePassword = false;
        return IdentityResult.Success;
    }

    /// <summary>Deletes an account and the messages that wait to be mailed to it. Of its events, addresses and devices of clients are deleted.</summary>
    public override async Task<IdentityResult> DeleteAsync(ApplicationUser user)
    {
        await using var transaction = Context.Database.CurrentTransaction is null ? await Context.Database.BeginTransactionAsync() : null;
        await Context.Set<MailMessage>().Where(message => message.UserId == user.Id).ExecuteDeleteAsync();
        var result = await base.DeleteAsync(user);
        if (!result.Succeeded)
        {
            return result;
        }

        // With those of the sessions that have just ended.
        await Context.Set<AuditEntry>().Where(entry => EF.Property<int?>(entry, "UserKey") == user.Id).ExecuteUpdateAsync(update => update
            .SetProperty(entry => entry.IpAddress, (string?)null)
            .SetProperty(entry => entry.UserAgent, (string?)null));
        if (transaction is not null)
        {
            await transaction.CommitAsync();
        }

        return result;
    }

    /// <summary>
    /// Takes from an account whose address was never confirmed what somebody else could come back with: passkeys, factors and external logins, and
    /// the devices that they signed in from; and their user name, where it was registered again. They are deleted in the caller's transaction, and the rest with the caller's next save.
    /// </summary>
    public async Task TakeOverAsync(ApplicationUser user)
    {
        if (user.IsRegisteredAgain)
        {
            (user.UserName, user.IsRegisteredAgain) = (user.Email, false);
        }

        await RemoveFactorsAsync(user);
        await Context.UserLogins.Where(login => login.UserId == user.Id).ExecuteDeleteAsync();
        await Context.Set<KnownDevice>().Where(device => device.UserId == user.Id).ExecuteDeleteAsync();
    }

    /// <summary>
    /// Removes passkeys, the authenticator app and recovery codes. They are deleted in the caller's transaction, and the rest with the caller's next save.
    /// </summary>
    public async Task RemoveFactorsAsync(ApplicationUser user)
    {
        user.TwoFactorEnabled = false;
        await Context.UserTokens.Where(token => token.UserId == user.Id).ExecuteDeleteAsync();
        await Context.Set<RecoveryCode>().Where(code => code.UserId == user.Id).ExecuteDeleteAsync();
        await Context.UserPasskeys.Where(passkey => passkey.UserId == user.Id).ExecuteDeleteAsync();
        await Context.Set<PasskeyCeremony>().Where(ceremony => ceremony.UserId == user.Id).ExecuteDeleteAsync();
    }

    /// <summary>Creates an account. Where a concurrent registration takes the address or the name, the result says so.</summary>
    public override async Task<IdentityResult> CreateAsync(ApplicationUser user)
    {
        try
        {
            return await base.CreateAsync(user);
        }
        catch (DbUpdateException exception) when (StoreErrors.IsUniqueViolation(exception))
        {
            Context.Entry(user).State = EntityState.Detached;
            return await TakenAsync(user);
        }
    }

    /// <summary>Saves an account. Where a concurrent call takes the address or the name, the result says so.</summary>
    protected override async Task<IdentityResult> UpdateUserAsync(ApplicationUser user)
    {
        try
        {
            return await base.UpdateUserAsync(user);
        }
        catch (DbUpdateException exception) when (StoreErrors.IsUniqueViolation(exception))
        {
            return await TakenAsync(user);
        }
    }

    protected override async Task<PasswordVerificationResult> VerifyPasswordAsync(
        IUserPasswordStore<ApplicationUser> store, ApplicationUser user, string password)
    {
        var (result, renewed) = await VerifyAsync(user, password);
        if (renewed is not null)
        {
            await RenewPasswordHashAsync(user.Id, user.PasswordHash!, renewed);
        }

        // Identity's own renewal also changes the security stamp, and writes the whole user before it answers.
        return result == PasswordVerificationResult.Failed ? result : PasswordVerificationResult.Success;
    }

    // A unique index has refused the row: that of the address, or that of the name.
    private async Task<IdentityResult> TakenAsync(ApplicationUser user) => IdentityResult.Failed(
        await Context.Users.AnyAsync(other => other.Id != user.Id && other.NormalizedEmail == user.NormalizedEmail)
            ? ErrorDescriber.DuplicateEmail(user.Email!)
            : ErrorDescriber.DuplicateUserName(user.UserName!));

    // An empty hash is verified as any other is: an account without a password is not shown either.
    private Task<(PasswordVerificationResult Result, string? Renewed)> VerifyAsync(ApplicationUser user, string password) => _limiter.RunAsync(
        () =>
        {
            var result = PasswordHasher.VerifyHashedPassword(user, user.PasswordHash ?? "", password);
            return (result, result == PasswordVerificationResult.SuccessRehashNeeded ? PasswordHasher.HashPassword(user, password) : null);
        },
        RequestAborted);

    // Where the hash has changed meanwhile, the password has, and nothing is written. The login succeeds all the same.
    private async Task RenewPasswordHashAsync(int userId, string old, string renewed)
    {
        try
        {
            await Context.Users.Where(stored => stored.Id == userId && stored.PasswordHash == old)
                .ExecuteUpdateAsync(update => update.SetProperty(stored => stored.PasswordHash, renewed));
        }
        catch (Exception exception)
        {
            Log.HashNotRenewed(_logger, userId, exception.Message);
        }
    }

    private AuthDbContext Context => _services.GetRequiredService<AuthDbContext>();

    private CancellationToken RequestAborted => _http.HttpContext?.RequestAborted ?? CancellationToken.None;

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Information, "User {UserId} is locked out until {LockoutEnd:u}, after too many wrong passwords. Sessions go on.")]
        public static partial void LockedOut(ILogger logger, int userId, DateTimeOffset lockoutEnd);

        [LoggerMessage(4, LogLevel.Warning, "The password hash of user {UserId} was not renewed; the next login tries again: {Message}")]
        public static partial void HashNotRenewed(ILogger logger, int userId, string message);
    }
}
