using System.Globalization;
using System.Security.Claims;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Accounts;

/// <summary>Identity's claims, and the two facts of an account beyond them that <c>GET /me/</c> tells without asking the store.</summary>
internal sealed class ApplicationClaimsPrincipalFactory(
    UserManager<ApplicationUser> userManager, RoleManager<IdentityRole<int>> roleManager, IOptions<IdentityOptions> options)
    : UserClaimsPrincipalFactory<ApplicationUser, IdentityRole<int>>(userManager, roleManager, options)
{
    /// <summary>OpenID Connect Core 5.1.</summary>
    public const string EmailVerified = "email_verified";

    public const string TwoFactorEnabled = "two_factor_enabled";

    public static bool IsTrue(ClaimsPrincipal user, string claimType) => user.HasClaim(claimType, "true");

    protected override async Task<ClaimsIdentity> GenerateClaimsAsync(ApplicationUser user)
    {
        var identity = await base.GenerateClaimsAsync(user);
        identity.AddClaim(Claim(EmailVerified, user.EmailConfirmed));
        identity.AddClaim(Claim(TwoFactorEnabled, user.TwoFactorEnabled));
        return identity;
    }

    private static Claim Claim(string type, bool value) =>
        new(type, value.ToString(CultureInfo.InvariantCulture).ToLowerInvariant(), ClaimValueTypes.Boolean);
}
