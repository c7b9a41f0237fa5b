using System.Security.Claims;
using AuthApi.Storage;

namespace AuthApi.Sessions;

/// <summary>
/// What the session's own query has brought of its user, for the claims factory of the same scope: so a session that is not in the
/// cache costs one round trip, where the factory would ask for roles and claims by four more.
/// </summary>
internal sealed class LoadedUser
{
    private ApplicationUser? _user;
    private IReadOnlyList<string> _roles = [];
    private IReadOnlyList<Claim> _claims = [];

    public void Set(StoredSession stored) => (_user, _roles, _claims) = (stored.User, stored.Roles, stored.Claims);

    /// <summary>Whether it is this user's, and then their roles, and their and their roles' claims.</summary>
    public bool TryGet(ApplicationUser user, out IReadOnlyList<string> roles, out IReadOnlyList<Claim> claims)
    {
        (roles, claims) = (_roles, _claims);
        return ReferenceEquals(user, _user);
    }
}
