using System.Buffers.Text;
using System.Security.Cryptography;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Passwords;

/// <summary>
/// Hashes passwords with Argon2id (ASVS 11.4.2). Identity's own PBKDF2 hashes are verified too, and any hash with other parameters than
/// the configured ones is reported as in need of a new one.
/// </summary>
internal sealed class Argon2PasswordHasher(int memoryKiB, int passes) : IPasswordHasher<ApplicationUser>
{
    private static readonly PasswordHasher<ApplicationUser> Pbkdf2 = new();

    // Verified where there is no stored hash, so that the time does not show that there is none.
    private readonly Argon2Hash _decoy = new(memoryKiB, passes, RandomNumberGenerator.GetBytes(16), RandomNumberGenerator.GetBytes(32));

    public Argon2PasswordHasher(IOptions<PasswordHashingOptions> options)
        : this(options.Value.MemoryKiB, options.Value.Passes)
    {
    }

    public string HashPassword(ApplicationUser user, string password) => Argon2Hash.Create(OpaqueString.Enforce(password), memoryKiB, passes).ToString();

    /// <summary>
    /// Verifies a password in the form in which passwords are compared and, if that is wrong, as it was typed: earlier versions hashed it so.
    /// </summary>
    /// <param name="user">Not used.</param>
    /// <param name="hashedPassword">
    /// The stored hash. An empty or malformed one fails, in the time in which a hash with the configured parameters would.
    /// </param>
    /// <param name="providedPassword">The password to verify.</param>
    public PasswordVerificationResult VerifyHashedPassword(ApplicationUser user, string hashedPassword, string providedPassword)
    {
        var password = OpaqueString.Enforce(providedPassword);
        var result = Verify(user, hashedPassword, password);
        return result == PasswordVerificationResult.Failed && password != providedPassword
            && Verify(user, hashedPassword, providedPassword) != PasswordVerificationResult.Failed
                ? PasswordVerificationResult.SuccessRehashNeeded
                : result;
    }

    private PasswordVerificationResult Verify(ApplicationUser user, string hashedPassword, string providedPassword)
    {
        // Identity's is Base64 with a version in its first byte; it throws at what is not Base64.
        if (hashedPassword.Length > 0 && hashedPassword[0] != '$' && Base64.IsValid(hashedPassword))
        {
            return Pbkdf2.VerifyHashedPassword(user, hashedPassword, providedPassword) == PasswordVerificationResult.Failed
                ? PasswordVerificationResult.Failed
                : PasswordVerificationResult.SuccessRehashNeeded;
        }

        var stored = Argon2Hash.Parse(hashedPassword) ?? _decoy;
        return !stored.Verify(providedPassword)
            ? PasswordVerificationResult.Failed
            : stored.MemoryKiB == memoryKiB && stored.Passes == passes ? PasswordVerificationResult.Success : PasswordVerificationResult.SuccessRehashNeeded;
    }
}
