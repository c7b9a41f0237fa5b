using System.ComponentModel.DataAnnotations;

namespace AuthApi.Passwords;

/// <summary>The configuration section <c>Passwords</c>.</summary>
public sealed class AccountPasswordOptions : IValidatableObject
{
    public const string Section = "Passwords";

    /// <summary>The maximum number of characters of a password; a longer one is rejected before it is hashed (ASVS 6.2.9).</summary>
    public const int MaxCharacters = 1024;

    /// <summary>The minimum number of characters of a new password (NIST SP 800-63B-4: 15 where it is the only factor).</summary>
    [Range(8, MaxCharacters, ErrorMessage = Section + ":MinimumLength must be between 8 and 1024.")]
    public int MinimumLength { get; set; } = 15;

    /// <summary>How long a login waits for its password to be hashed before 503 <c>server_busy</c>.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00", ErrorMessage = Section + ":MaxWait must be between 00:00:01 and 00:01:00.")]
    public TimeSpan MaxWait { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A service that knows breached passwords, by the range protocol of Pwned Passwords; none by default.</summary>
    public string? BreachCheckUrl { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!string.IsNullOrEmpty(BreachCheckUrl) && !(Uri.TryCreate(BreachCheckUrl, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
            && url is { Query: "", Fragment: "", UserInfo: "" }))
        {
            yield return new ValidationResult($"{Section}:BreachCheckUrl must be an https address without a query, as https://api.pwnedpasswords.com/range; http is allowed for this machine.");
        }
    }
}
