using System.ComponentModel.DataAnnotations;

namespace AuthApi.Accounts;

/// <summary>The configuration section <c>Passwords</c>.</summary>
public sealed class AccountPasswordOptions
{
    public const string Section = "Passwords";

    /// <summary>The fewest characters that a new password may have (NIST SP 800-63B-4: 15 where it is the only factor).</summary>
    [Range(8, 1024, ErrorMessage = Section + ":MinimumLength must be between 8 and 1024.")]
    public int MinimumLength { get; set; } = 15;
}
