using System.Security.Claims;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Identity;

/// <summary>
/// The claims of <see cref="ApplicationClaimsPrincipalFactory"/>, from what the store has read with the session: without Identity's managers and their four
/// queries. It leaves out the security stamp, which ends nothing here.
/// </summary>
internal sealed class StoredPrincipalFactory(IOptions<IdentityOptions> options) : ISessionPrincipalFactory
{
    public Task<ClaimsPrincipal?> CreateAsync(UserSession session)
    {
        var account = (StoredAccount)session.User!;
        var types = options.Value.ClaimsIdentity;
        var identity = new ClaimsIdentity(IdentityConstants.ApplicationScheme, types.UserNameClaimType, types.RoleClaimType);
        identity.AddClaim(new Claim(types.UserIdClaimType, session.UserId));
        identity.AddClaim(new Claim(types.UserNameClaimType, account.UserName));
        identity.AddClaim(new Claim(types.EmailClaimType, account.Email));
        ApplicationClaimsPrincipalFactory.AddFacts(identity, account.EmailConfirmed, account.TwoFactorEnabled);
        foreach (var role in account.Roles)
        {
            identity.AddClaim(new Claim(types.RoleClaimType, role));
        }

        foreach (var (type, value) in account.Claims)
        {
            identity.AddClaim(new Claim(type, value));
        }

        return Task.FromResult<ClaimsPrincipal?>(new ClaimsPrincipal(identity));
    }
}
