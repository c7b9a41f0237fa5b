using System.ComponentModel.DataAnnotations;
using System.Net;

namespace AuthApi.Mail;

/// <summary>The configuration section <c>Email:Smtp</c>: the server that takes the messages.</summary>
public sealed class SmtpOptions : IValidatableObject
{
    public const string Section = EmailOptions.Section + ":Smtp";

    /// <summary>The name of the server, which its certificate must have.</summary>
    public string? Host { get; set; }

    [Range(1, 65535, ErrorMessage = Section + ":Port must be between 1 and 65535.")]
    public int Port { get; set; } = 587;

    /// <summary>The name to log in with; none where the server asks for none.</summary>
    public string? UserName { get; set; }

    public string? Password { get; set; }

    public SmtpSecurity Security { get; set; } = SmtpSecurity.StartTls;

    /// <summary>How long one message may take, from the connection to the server's answer.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:02:00", ErrorMessage = Section + ":Timeout must be between 00:00:01 and 00:02:00.")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    private bool IsLoopback => Host is "localhost" || (IPAddress.TryParse(Host, out var address) && IPAddress.IsLoopback(address));

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Enum.IsDefined(Security))
        {
            yield return new ValidationResult($"{Section}:Security must be StartTls, Tls or None.");
        }

        if (!string.IsNullOrEmpty(Host) && Security == SmtpSecurity.None && !IsLoopback)
        {
            yield return new ValidationResult($"{Section}:Security is None, which is allowed for a server on this machine only: {Section}:Host is {Host}. Messages hold codes; use StartTls or Tls.");
        }

        if (string.IsNullOrEmpty(UserName) != string.IsNullOrEmpty(Password))
        {
            yield return new ValidationResult($"{Section}:UserName and {Section}:Password go together; one of them is missing.");
        }
    }
}

/// <summary>How the connection to the mail server is encrypted.</summary>
public enum SmtpSecurity
{
    /// <summary>By the command STARTTLS, which the server must know (usually port 587).</summary>
    StartTls,

    /// <summary>From its first byte (usually port 465).</summary>
    Tls,

    /// <summary>Not at all; for a server on this machine only.</summary>
    None,
}
