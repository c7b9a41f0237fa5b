using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthApi.Api;
using AuthApi.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Factors;

/// <summary>
/// The keys of authenticator apps, encrypted by Data Protection, and their codes. A code is accepted of the current time step and of one before and after, and each
/// step once (RFC 6238, 5.2; ASVS 6.5.1). Identity's own provider accepts a code for two and a half minutes, as often as it comes, and keeps keys in clear.
/// </summary>
internal sealed partial class Authenticators(AuthDbContext context, IDataProtectionProvider protection, TimeProvider time, ILogger<Authenticators> logger)
{
    // Where Identity keeps them, so that the sessions know a change of a factor.
    private const string Provider = "[AspNetUserStore]";
    private const string Key = "AuthenticatorKey";
    private const string PendingKey = "PendingAuthenticatorKey";

    /// <summary>
    /// Makes a key that is not in use before <see cref="EnableAsync"/>, in the caller's transaction and with the caller's next save. An earlier one that was not enabled is
    /// forgotten; the one in use stays in use.
    /// </summary>
    public async Task<byte[]> SetUpAsync(ApplicationUser user)
    {
        var key = RandomNumberGenerator.GetBytes(TimeStepCode.KeySize);
        await SetAsync(user, PendingKey, Protect(user, key));
        return key;
    }

    /// <summary>
    /// Takes the key of <see cref="SetUpAsync"/> into use, in the caller's transaction and with the caller's next save. The code counts as used.
    /// </summary>
    /// <returns>Whether it is a code of that key; <see langword="null"/> if there is none.</returns>
    public async Task<bool?> EnableAsync(ApplicationUser user, string code)
    {
        if (await FindAsync(user, PendingKey) is not { } pending)
        {
            return null;
        }

        if (FindStep(Unprotect(user, pending), code) is not { } step)
        {
            return false;
        }

        // Of two calls at once one finds it.
        if (await context.UserTokens.Where(token => token.UserId == user.Id && token.LoginProvider == Provider && token.Name == PendingKey && token.Value == pending).ExecuteDeleteAsync() == 0)
        {
            return false;
        }

        await context.Users.Where(stored => stored.Id == user.Id)
            .ExecuteUpdateAsync(update => update
                .SetProperty(stored => EF.Property<long>(stored, AuthenticatorStep.Column), step)
                .SetProperty(stored => EF.Property<int>(stored, WrongCodes.Column), 0));
        await SetAsync(user, Key, pending);
        user.TwoFactorEnabled = true;
        return true;
    }

    /// <summary>Removes the key, in the caller's transaction and with the caller's next save.</summary>
    public async Task DisableAsync(ApplicationUser user)
    {
        await context.UserTokens.Where(token => token.UserId == user.Id && token.LoginProvider == Provider && token.Name == PendingKey).ExecuteDeleteAsync();
        if (await context.UserTokens.FindAsync(user.Id, Provider, Key) is { } token)
        {
            context.Remove(token);
        }

        user.TwoFactorEnabled = false;
    }

    /// <summary>
    /// Uses a code up. One statement decides it, on every node: the step must be later than the last one that was accepted, there must not have been too many wrong codes in a row, and
    /// sign-in must not be locked. It also resets the counts of failures.
    /// </summary>
    /// <returns>Whether the code is right, and was not used.</returns>
    /// <exception cref="UnavailableException">The user's key cannot be read.</exception>
    public async Task<bool> UseAsync(ApplicationUser user, string code)
    {
        var stored = await FindAsync(user, Key);
        if (stored is null || FindStep(Unprotect(user, stored), code) is not { } step)
        {
            return false;
        }

        return await context.Users.MayTry(user.Id, time.GetUtcNow())
            .Where(candidate => EF.Property<long>(candidate, AuthenticatorStep.Column) < step && EF.Property<int>(candidate, WrongCodes.Column) < WrongCodes.Max)
            .ExecuteUpdateAsync(update => update
                .SetProperty(candidate => EF.Property<long>(candidate, AuthenticatorStep.Column), step)
                .SetProperty(candidate => EF.Property<int>(candidate, WrongCodes.Column), 0)
                .SetProperty(candidate => candidate.AccessFailedCount, 0)) == 1;
    }

    private long? FindStep(byte[] key, string text)
    {
        var given = Encoding.ASCII.GetBytes(TimeStepCode.Normalize(text) ?? "");
        var now = TimeStepCode.StepAt(time.GetUtcNow());
        long? found = null;
        for (var step = now - 1; step <= now + 1; step++)
        {
            if (CryptographicOperations.FixedTimeEquals(given, Encoding.ASCII.GetBytes(TimeStepCode.Compute(key, step))))
            {
                found = step;
            }
        }

        return found;
    }

    private Task<string?> FindAsync(ApplicationUser user, string name) => context.UserTokens
        .Where(token => token.UserId == user.Id && token.LoginProvider == Provider && token.Name == name)
        .Select(token => token.Value).SingleOrDefaultAsync();

    private async Task SetAsync(ApplicationUser user, string name, string value)
    {
        if (await context.UserTokens.FindAsync(user.Id, Provider, name) is { } token)
        {
            token.Value = value;
        }
        else
        {
            context.Add(new IdentityUserToken<int> { UserId = user.Id, LoginProvider = Provider, Name = name, Value = value });
        }
    }

    // With the user in the purpose, so that a key copied to another user's row cannot be read there.
    private IDataProtector Protector(ApplicationUser user) =>
        protection.CreateProtector("AuthApi.Authenticator", user.Id.ToString(CultureInfo.InvariantCulture));

    private string Protect(ApplicationUser user, byte[] key) => Convert.ToBase64String(Protector(user).Protect(key));

    private byte[] Unprotect(ApplicationUser user, string value)
    {
        try
        {
            return Protector(user).Unprotect(Convert.FromBase64String(value));
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            Log.NotReadable(logger, user.Id, exception.Message);
            throw new UnavailableException(exception);
        }
    }

    /// <summary>The key of an authenticator app cannot be decrypted. No code is right then, and none is wrong: 503 <c>authenticator_unavailable</c>.</summary>
    internal sealed class UnavailableException(Exception inner) : Exception("The key of the authenticator app cannot be decrypted.", inner)
    {
        internal sealed class Handler : IExceptionHandler
        {
            public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
            {
                if (exception is not UnavailableException)
                {
                    return false;
                }

                await ApiProblem.AuthenticatorUnavailable.WriteAsync(httpContext);
                return true;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "The authenticator key of user {UserId} cannot be decrypted: the keys of Data Protection, or the certificate that protects them, are not those that it was encrypted with. Restore them (docs/two-factor.md). {Message}")]
        public static partial void NotReadable(ILogger logger, int userId, string message);
    }
}
