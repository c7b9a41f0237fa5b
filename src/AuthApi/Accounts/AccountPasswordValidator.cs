using System.ComponentModel.DataAnnotations;
using System.Text;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Accounts;

/// <summary>
/// What a new password must be: long enough, counted in characters, and not one that a guesser tries early. There are no rules of
/// composition, and any character will do (ASVS 6.2.1 to 6.2.12; NIST SP 800-63B-4, 3.1.1.2).
/// </summary>
internal sealed class AccountPasswordValidator(IOptions<AccountPasswordOptions> options, IdentityErrorDescriber describer) : IPasswordValidator<ApplicationUser>
{
    // What zxcvbn calls safely unguessable where guesses are slow.
    private const int EnoughScore = 3;

    // The estimate takes time with the square of the length and more; what is good in its first part is good.
    private const int LongestEstimated = 64;

    private const string ServiceName = "AuthApi";

    private static readonly char[] Separators = ['@', '.', '-', '_', '+'];

    // Made once, as it reads its lists of words; it keeps nothing of what it estimates.
    private static readonly Lazy<Zxcvbn.Zxcvbn> Estimator = new(() => new Zxcvbn.Zxcvbn());

    public Task<IdentityResult> ValidateAsync(UserManager<ApplicationUser> manager, ApplicationUser user, string? password)
    {
        var least = options.Value.MinimumLength;
        if (password is null || MaxCharactersAttribute.Count(password) < least)
        {
            return Task.FromResult(IdentityResult.Failed(describer.PasswordTooShort(least)));
        }

        return Task.FromResult(Estimator.Value.EvaluatePassword(Estimated(password), Known(user)).Score >= EnoughScore
            ? IdentityResult.Success
            : IdentityResult.Failed(new IdentityError
            {
                Code = "PasswordTooGuessable",
                Description = "This password is easy to guess: it is common, repeats itself, or is made of the address, the name or this service's name. Add something that nobody would think of.",
            }));
    }

    // One char a character, as the estimator does not see that a character of two chars repeats.
    private static string Estimated(string password)
    {
        const int privateUse = 0xE000, privateUseSize = 0x1900;
        var text = new StringBuilder(LongestEstimated);
        foreach (var rune in password.EnumerateRunes())
        {
            if (text.Length == LongestEstimated)
            {
                break;
            }

            text.Append((char)(rune.IsBmp ? rune.Value : privateUse + (rune.Value % privateUseSize)));
        }

        return text.ToString();
    }

    // The first that a guesser would try for this user, whole and in parts.
    private static string[] Known(ApplicationUser user) =>
    [
        .. new[] { ServiceName, user.Email, user.UserName }
            .OfType<string>()
            .SelectMany(text => text.Split(Separators).Append(text))
            .Where(part => part.Length > 2)
            .Distinct(StringComparer.OrdinalIgnoreCase),
    ];
}

/// <summary>The configuration section <c>Passwords</c>.</summary>
public sealed class AccountPasswordOptions
{
    public const string Section = "Passwords";

    /// <summary>The most characters of a password; one with more is refused before it is hashed (ASVS 6.2.9).</summary>
    public const int MostCharacters = 1024;

    /// <summary>The fewest characters that a new password may have (NIST SP 800-63B-4: 15 where it is the only factor).</summary>
    [Range(8, MostCharacters, ErrorMessage = Section + ":MinimumLength must be between 8 and 1024.")]
    public int MinimumLength { get; set; } = 15;
}
