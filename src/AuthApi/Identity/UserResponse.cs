using AuthApi.Storage;

namespace AuthApi.Identity;

/// <summary>An account, briefly.</summary>
/// <param name="Id" example="42">The user's id.</param>
/// <param name="Email" example="ada@example.com">The account's address.</param>
/// <param name="UserName" example="ada">The account's user name.</param>
public sealed record UserResponse(int Id, string Email, string UserName)
{
    internal static UserResponse From(ApplicationUser user) => new(user.Id, user.Email!, user.UserName!);
}
