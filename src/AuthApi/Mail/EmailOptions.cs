using System.ComponentModel.DataAnnotations;
using MimeKit;

namespace AuthApi.Mail;

/// <summary>The configuration section <c>Email</c>.</summary>
public sealed class EmailOptions : IValidatableObject
{
    public const string Section = "Email";

    /// <summary>The sender of every message, as <c>no-reply@example.com</c> or <c>Example &lt;no-reply@example.com&gt;</c>.</summary>
    public string From { get; set; } = "AuthApi <no-reply@localhost>";

    /// <summary>What the messages call this service.</summary>
    [Required(ErrorMessage = Section + ":ProductName must have 1 to 64 visible characters."), RegularExpression(@"[^\p{C}]{1,64}", ErrorMessage = Section + ":ProductName must have 1 to 64 visible characters.")]
    public string ProductName { get; set; } = "AuthApi";

    /// <summary>Where messages are written as <c>.eml</c> files where no SMTP server is set.</summary>
    public string? PickupDirectory { get; set; }

    internal MailboxAddress Sender => MailboxAddress.Parse(From);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (From.Any(char.IsControl) || !MailboxAddress.TryParse(From, out var sender) || !sender.Address.Contains('@', StringComparison.Ordinal))
        {
            yield return new ValidationResult($"{Section}:From must be an address, as no-reply@example.com or Example <no-reply@example.com>.");
        }
    }
}
