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
    private const int MaxEstimated = 64;

    // How many characters must be left of a password when what it repeats is said once.
    private const int LeastOnce = 8;

    private static readonly string[] ServiceNames = ["AuthApi", "Auth Api", "auth-api", "auth_api"];

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

        return Task.FromResult(IsEasyToGuess(password, Known(user))
            ? IdentityResult.Failed(new IdentityError
            {
                Code = "PasswordTooGuessable",
                Description = "This password is easy to guess: it is common, repeats itself, or is made of the address, the name or this service's name. Add something that nobody would think of.",
            })
            : IdentityResult.Success);
    }

    // As it is, and as it reads without its disguise; each without its repetitions, forwards and backwards.
    private static bool IsEasyToGuess(string password, string[] known)
    {
        var (text, bare) = (Estimated(password), Estimated(Bare(password)));

        // Of signs alone nothing would be left.
        string[] readings = bare.Length * 2 >= text.Length ? [text, bare] : [text];
        return readings.Select(Once).Distinct(StringComparer.Ordinal).Any(once => once.Length < LeastOnce
            || Estimator.Value.EvaluatePassword(once, known).Score < EnoughScore
            || Estimator.Value.EvaluatePassword(Reversed(once), known).Score < EnoughScore);
    }

    // Its letters and digits in one form and case: what "P a s s w o r d" and its wide letters have in common.
    private static string Bare(string password) =>
        string.Concat(password.EnumerateRunes().Select(Narrow).Where(Rune.IsLetterOrDigit).Select(Rune.ToLowerInvariant));

    // Normalization does nothing where the machine has no ICU; of what it would do, these are what a keyboard types.
    private static Rune Narrow(Rune rune)
    {
        const int firstWide = 0xFF01, lastWide = 0xFF5E, firstNarrow = '!';
        return rune.Value is >= firstWide and <= lastWide ? new Rune(rune.Value - firstWide + firstNarrow) : rune;
    }

    // The part that a text repeats to its end, once; the estimator sees only that one character repeats.
    private static string Once(string text)
    {
        for (var length = 1; length * 2 <= text.Length; length++)
        {
            if (text.AsSpan(length).SequenceEqual(text.AsSpan(0, text.Length - length)))
            {
                return text[..length];
            }
        }

        return text;
    }

    private static string Reversed(string text) => string.Create(text.Length, text, static (target, source) =>
    {
        source.CopyTo(target);
        target.Reverse();
    });

    // One char a character, as the estimator does not see that a character of two chars repeats.
    private static string Estimated(string password)
    {
        const int privateUse = 0xE000, privateUseSize = 0x1900;
        var text = new StringBuilder(MaxEstimated);
        foreach (var rune in password.EnumerateRunes())
        {
            if (text.Length == MaxEstimated)
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
        .. ServiceNames.Append(user.Email).Append(user.UserName)
            .OfType<string>()
            .SelectMany(text => text.Split(Separators).Append(text))
            .Where(part => part.Length > 2)
            .Distinct(StringComparer.OrdinalIgnoreCase),
    ];
}
