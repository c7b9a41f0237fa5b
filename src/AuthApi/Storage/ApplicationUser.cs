using Microsoft.AspNetCore.Identity;

namespace AuthApi.Storage;

/// <summary>An account: Identity's user with an integer id.</summary>
public class ApplicationUser : IdentityUser<int>
{
    public DateTimeOffset CreatedAt { get; init; }
}
