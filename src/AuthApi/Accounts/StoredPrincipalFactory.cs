using System.Globalization;
using System.Security.Claims;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Accounts;

/// <summary>
/// The claims of <see cref="ApplicationClaimsPrincipalFactory"/>, from what was read with the session: without Identity's managers and their four
/// queries. It leaves out the security stamp, which ends nothing here.
/// </summary>
internal sealed class StoredPrincipalFactory(IOptions<IdentityOptions> options) : ISessionPrincipalFactory
{
    public Task<ClaimsPrincipal> CreateAsync(StoredSession stored)
    {
        var (user, types) = (stored.User, options.Value.ClaimsIdentity);
        var identity = new ClaimsIdentity(IdentityConstants.ApplicationScheme, types.UserNameClaimType, types.RoleClaimType);
        identity.AddClaim(new Claim(types.UserIdClaimType, user.Id.ToString(CultureInfo.InvariantCulture)));
        identity.AddClaim(new Claim(types.UserNameClaimType, user.UserName!));
        identity.AddClaim(new Claim(types.EmailClaimType, user.Email!));
        identity.AddClaims(stored.Roles.Select(role => new Claim(types.RoleClaimType, role)));
        identity.AddClaims(stored.Claims);
        ApplicationClaimsPrincipalFactory.AddFacts(identity, user);
        return Task.FromResult(new ClaimsPrincipal(identity));
    }
}
