using AuthApi.Api;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Passwords;

/// <summary>
/// Rejects a new password that is too short, counted in characters, or that a guesser tries early. There are no rules of composition, and
/// any character is allowed (ASVS 6.2.1 to 6.2.12; NIST SP 800-63B-4, 3.1.1.2).
/// </summary>
internal sealed class AccountPasswordValidator(IOptions<AccountPasswordOptions> options, IdentityErrorDescriber describer) : IPasswordValidator<ApplicationUser>
{
    private static readonly string[] ServiceWords = ["AuthApi", "auth", "api", "login", "account"];

    private static readonly char[] Separators = ['@', '.', '-', '_', '+'];

    private static readonly char[] Digits = [.. "0123456789"];

    public Task<IdentityResult> ValidateAsync(UserManager<ApplicationUser> manager, ApplicationUser user, string? password) =>
        Task.FromResult(Validate(user, OpaqueString.Enforce(password ?? "")));

    private IdentityResult Validate(ApplicationUser user, string password)
    {
        var min = options.Value.MinimumLength;
        if (MaxCharactersAttribute.Count(password) < min)
        {
            return IdentityResult.Failed(describer.PasswordTooShort(min));
        }

        return GuessablePassword.Find(password, Expected(user), min) is { } reason
            ? IdentityResult.Failed(new IdentityError { Code = $"Password{reason}", Description = $"This password is easy to guess: {Describe(reason)}." })
            : IdentityResult.Success;
    }

    private static string Describe(GuessableReason reason) => reason switch
    {
        GuessableReason.Repetition => "it repeats a short part",
        GuessableReason.Sequence => "it is a row of keys, letters or digits",
        GuessableReason.Common => "it is a common password, or made of common passwords",
        _ => "it is made of the e-mail address, the user name or the name of this service",
    };

    private static IEnumerable<string> Expected(ApplicationUser user) => new[] { user.Email, user.UserName }
        .OfType<string>()
        .SelectMany(text => text.Split(Separators).Append(text))
        .SelectMany(part => new[] { part, part.TrimEnd(Digits) })
        .Concat(ServiceWords);
}
