using System.ComponentModel.DataAnnotations;

namespace AuthApi.Identity;

/// <summary>An e-mail address, with or without spaces around it; the error says what is wrong with another.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class EmailAddressFormatAttribute : ValidationAttribute
{
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string text && EmailAddress.FindError(text) is { } error ? new ValidationResult(error, [validationContext.MemberName!]) : ValidationResult.Success;
}
