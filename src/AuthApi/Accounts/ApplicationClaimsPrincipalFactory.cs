using System.Globalization;
using System.Security.Claims;
using AuthApi.Sessions;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Accounts;

/// <summary>
/// Identity's claims, and the two facts of an account beyond them that <c>GET /me/</c> tells without asking the store. Where roles and
/// claims have been loaded with the session already, they are not asked for again, and Identity's managers and their database context, which
/// would ask, are not made.
/// </summary>
internal sealed class ApplicationClaimsPrincipalFactory(IServiceProvider services, IOptions<IdentityOptions> options, LoadedUser loaded)
    : IUserClaimsPrincipalFactory<ApplicationUser>
{
    /// <summary>OpenID Connect Core 5.1.</summary>
    public const string EmailVerified = "email_verified";

    public const string TwoFactorEnabled = "two_factor_enabled";

    /// <summary>The value of one of the two that holds.</summary>
    public const string True = "true";

    public async Task<ClaimsPrincipal> CreateAsync(ApplicationUser user)
    {
        var principal = loaded.TryGet(user, out var roles, out var claims)
            ? new ClaimsPrincipal(Identity(user, roles, claims))
            : await services.GetRequiredService<UserClaimsPrincipalFactory<ApplicationUser, IdentityRole<int>>>().CreateAsync(user);
        var identity = (ClaimsIdentity)principal.Identity!;
        identity.AddClaim(Claim(EmailVerified, user.EmailConfirmed));
        identity.AddClaim(Claim(TwoFactorEnabled, user.TwoFactorEnabled));
        return principal;
    }

    // What Identity's own makes of the same, but for the security stamp: it ends nothing here, and so need not be at hand.
    private ClaimsIdentity Identity(ApplicationUser user, IReadOnlyList<string> roles, IReadOnlyList<Claim> claims)
    {
        var types = options.Value.ClaimsIdentity;
        var identity = new ClaimsIdentity(IdentityConstants.ApplicationScheme, types.UserNameClaimType, types.RoleClaimType);
        identity.AddClaim(new Claim(types.UserIdClaimType, user.Id.ToString(CultureInfo.InvariantCulture)));
        identity.AddClaim(new Claim(types.UserNameClaimType, user.UserName!));
        identity.AddClaim(new Claim(types.EmailClaimType, user.Email!));
        identity.AddClaims(roles.Select(role => new Claim(types.RoleClaimType, role)));
        identity.AddClaims(claims);
        return identity;
    }

    private static Claim Claim(string type, bool value) =>
        new(type, value ? True : "false", ClaimValueTypes.Boolean);
}
