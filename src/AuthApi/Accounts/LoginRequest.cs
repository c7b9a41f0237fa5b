using System.ComponentModel.DataAnnotations;
using AuthApi.Api;
using AuthApi.Identity;
using AuthApi.Passwords;
using AuthApi.Sessions;

namespace AuthApi.Accounts;

/// <summary>The body of <c>POST /login/</c>: a password, and an address or a user name.</summary>
public sealed record LoginRequest
{
    /// <summary>The account's address; or give <c>userName</c>.</summary>
    /// <example>ada@example.com</example>
    [MaxCharacters(EmailAddress.MaxLength, ErrorMessage = "This must have at most 254 characters."), EmailOrUserName]
    public string? Email { get; init; }

    /// <summary>The account's user name; or give <c>email</c>.</summary>
    [MaxCharacters(EmailAddress.MaxLength, ErrorMessage = "This must have at most 254 characters.")]
    public string? UserName { get; init => field = value is "" ? null : value; }

    /// <summary>The account's password.</summary>
    /// <example>correct horse battery staple</example>
    [Required(AllowEmptyStrings = true, ErrorMessage = "This is required."), MinLength(1, ErrorMessage = "This is required.")]
    [MaxCharacters(AccountPasswordOptions.MaxCharacters, ErrorMessage = "This must have at most 1024 characters.")]
    public string Password { get; init; } = "";

    /// <summary>The six digits that the account's authenticator app shows, where it has one.</summary>
    /// <example>null</example>
    [MaxCharacters(16, ErrorMessage = "This must have at most 16 characters."), OneFactor]
    public string? TwoFactorCode { get; init => field = value is "" ? null : value; }

    /// <summary>A recovery code in the place of <c>twoFactorCode</c>. It is used up.</summary>
    /// <example>null</example>
    [MaxCharacters(64, ErrorMessage = "This must have at most 64 characters.")]
    public string? TwoFactorRecoveryCode { get; init => field = value is "" ? null : value; }

    /// <summary>Whether the session outlives the browser and has the longer limits.</summary>
    /// <example>false</example>
    public bool? RememberMe { get; init; }

    /// <summary>How the client sends the token: in a <c>cookie</c>, or in a <c>header</c> where it has no cookie jar.</summary>
    /// <example>cookie</example>
    public SessionTransport? Transport { get; init; } = SessionTransport.Cookie;

    // MVC logs the arguments of an action, at Trace.
    public override string ToString() => nameof(LoginRequest);

    [AttributeUsage(AttributeTargets.Property)]
    private sealed class OneFactorAttribute : ValidationAttribute
    {
        protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
            validationContext.ObjectInstance is LoginRequest { TwoFactorCode: not null, TwoFactorRecoveryCode: not null }
                ? new ValidationResult("Give either twoFactorCode or twoFactorRecoveryCode.", [validationContext.MemberName!])
                : ValidationResult.Success;
    }

    /// <summary>Requires one of the two, on the property and not on the whole, so that all that is missing is reported at once.</summary>
    [AttributeUsage(AttributeTargets.Property)]
    private sealed class EmailOrUserNameAttribute : ValidationAttribute
    {
        protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
            validationContext.ObjectInstance is LoginRequest request && request.Email is null == request.UserName is null
                ? new ValidationResult("Give either email or userName.", [validationContext.MemberName!])
                : ValidationResult.Success;
    }
}
