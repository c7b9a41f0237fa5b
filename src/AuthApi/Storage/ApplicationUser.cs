using Microsoft.AspNetCore.Identity;

namespace AuthApi.Storage;

/// <summary>An account: Identity's user with an integer id.</summary>
public class ApplicationUser : IdentityUser<int>
{
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When an administrator disabled the account; <see langword="null"/> where it is not disabled.</summary>
    public DateTimeOffset? DisabledAt { get; set; }

    /// <summary>
    /// Whether somebody has registered with the address again before it was confirmed. It is not known then whose password the account has, and only a new one, which the owner of the
    /// address sets with a mailed code, confirms the address.
    /// </summary>
    public bool IsRegisteredAgain { get; set; }

    /// <summary>Whether another password must be set before the account can sign in.</summary>
    public bool MustChangePassword { get; set; }
}
