using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net.Mail;

namespace AuthApi.Accounts;

/// <summary>An address that mail can be sent to, at most 254 characters (RFC 5321), and nothing around it.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class EmailAddressFormatAttribute() : ValidationAttribute("This is not an e-mail address.")
{
    public override bool IsValid(object? value) =>
        value is null
        || (value is string { Length: > 0 and <= 254 } text
            && !text.Any(character => char.IsControl(character) || char.IsWhiteSpace(character) || char.GetUnicodeCategory(character) == UnicodeCategory.Format || character == '\uFFFD')
            && MailAddress.TryCreate(text, out var address)
            && address.Address == text);
}
