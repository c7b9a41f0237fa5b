using AuthApi.Audit;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthApi.Accounts;

/// <summary>
/// Identity's user manager, with three differences. Passwords are hashed behind a gate. What refuses a password takes the same time for
/// whatever reason it refuses. And failures are counted in one statement, where Identity reads the row, adds one, and writes it back if
/// nobody else has: of guesses at the same time one would count, and an owner's right password that met a stranger's wrong one would be
/// answered as wrong.
/// </summary>
public sealed class ApplicationUserManager : UserManager<ApplicationUser>
{
    private readonly PasswordHashLimiter _gate;
    private readonly GroupCommit _commits;
    private readonly IServiceProvider _services;
    private readonly TimeProvider _time;

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
        _gate = services.GetRequiredService<PasswordHashLimiter>();
        _commits = services.GetRequiredService<GroupCommit>();
        _services = services;
        _time = services.GetRequiredService<TimeProvider>();
    }

    /// <summary>A user who is not in the store. What is done for them finds nothing, in the time in which it would find something.</summary>
    public static ApplicationUser Nobody { get; } = new();

    /// <summary>Whether the account is locked now, whatever was read of it before.</summary>
    public override async Task<bool> IsLockedOutAsync(ApplicationUser user) => await _services.GetRequiredService<AuthDbContext>().Users
        .Where(stored => stored.Id == user.Id && stored.LockoutEnabled)
        .Select(stored => stored.LockoutEnd)
        .SingleOrDefaultAsync() >= _time.GetUtcNow();

    /// <summary>
    /// Whether this is the password, and the account is still not locked: of many guesses that began before the lock, those that end
    /// after it are refused.
    /// </summary>
    public override async Task<bool> CheckPasswordAsync(ApplicationUser user, string password) =>
        await base.CheckPasswordAsync(user, password) && !await IsLockedOutAsync(user);

    /// <summary>
    /// Does what <c>SignInManager</c> does to find a password wrong, where there is none to look at: reads a lock and hashes (ASVS 6.3.8).
    /// </summary>
    public async Task SpendPasswordCheckAsync(string password)
    {
        await IsLockedOutAsync(Nobody);
        await _gate.RunAsync(() => Task.FromResult(PasswordHasher.HashPassword(Nobody, password)));
    }

    /// <summary>Counts a failure, locks the account when there have been too many, and tells its owner, in one transaction.</summary>
    /// <param name="user">Whose; <see cref="Nobody"/>, where nothing is to be counted, takes as long.</param>
    /// <param name="failure">What to tell.</param>
    public Task CountFailureAsync(ApplicationUser user, AuditEntry failure)
    {
        var (most, lockoutEnd) = (Options.Lockout.MaxFailedAccessAttempts, _time.GetUtcNow() + Options.Lockout.DefaultLockoutTimeSpan);
        return GroupCommit.WaitForCommitAsync(_commits.WriteAsync(async connection =>
        {
            await connection.Prepare(
                """
                UPDATE "AspNetUsers" SET
                    "LockoutEnd" = CASE WHEN "AccessFailedCount" + 1 >= @p1 THEN @p2 ELSE "LockoutEnd" END,
                    "AccessFailedCount" = CASE WHEN "AccessFailedCount" + 1 >= @p1 THEN 0 ELSE "AccessFailedCount" + 1 END
                WHERE "Id" = @p0
                """,
                user.Id,
                most,
                lockoutEnd.ToUnixTimeMilliseconds()).ExecuteNonQueryAsync();
            await AuditTrail.InsertAsync(connection, failure);
            return true;
        }));
    }

    /// <summary>Forgets the failures after a success; no write where there were none.</summary>
    public override async Task<IdentityResult> ResetAccessFailedCountAsync(ApplicationUser user)
    {
        if (user.AccessFailedCount != 0)
        {
            await GroupCommit.WaitForCommitAsync(_commits.WriteAsync(connection =>
                connection.Prepare("""UPDATE "AspNetUsers" SET "AccessFailedCount" = 0 WHERE "Id" = @p0""", user.Id).ExecuteNonQueryAsync()));
        }

        return IdentityResult.Success;
    }

    /// <summary>Makes an account with a password. Identity's own hashes it where no gate can be put before it.</summary>
    public override async Task<IdentityResult> CreateAsync(ApplicationUser user, string password)
    {
        // How guessable a password is takes its time to find out, too.
        var validated = await _gate.RunAsync(async () =>
        {
            var result = await ValidatePasswordAsync(user, password);
            user.PasswordHash = result.Succeeded ? PasswordHasher.HashPassword(user, password) : null;
            return result;
        });
        return validated.Succeeded ? await CreateAsync(user) : validated;
    }

    protected override Task<PasswordVerificationResult> VerifyPasswordAsync(
        IUserPasswordStore<ApplicationUser> store, ApplicationUser user, string password) =>
        _gate.RunAsync(() =>
        {
            if (user.PasswordHash is not null)
            {
                return base.VerifyPasswordAsync(store, user, password);
            }

            // Nor does it show that an account has no password.
            PasswordHasher.HashPassword(user, password);
            return Task.FromResult(PasswordVerificationResult.Failed);
        });
}
