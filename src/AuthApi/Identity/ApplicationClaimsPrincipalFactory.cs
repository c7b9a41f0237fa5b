using System.Security.Claims;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Identity;

/// <summary>Identity's claims, and two more facts of an account that <c>GET /me/</c> answers without reading the store.</summary>
internal sealed class ApplicationClaimsPrincipalFactory(
    UserManager<ApplicationUser> userManager, RoleManager<IdentityRole<int>> roleManager, IOptions<IdentityOptions> options)
    : UserClaimsPrincipalFactory<ApplicationUser, IdentityRole<int>>(userManager, roleManager, options)
{
    /// <summary>OpenID Connect Core 5.1.</summary>
    public const string EmailVerified = "email_verified";

    public const string TwoFactorEnabled = "two_factor_enabled";

    /// <summary>The value of one of the two that holds.</summary>
    public const string True = "true";

    protected override async Task<ClaimsIdentity> GenerateClaimsAsync(ApplicationUser user)
    {
        var identity = await base.GenerateClaimsAsync(user);
        AddFacts(identity, user.EmailConfirmed, user.TwoFactorEnabled);
        return identity;
    }

    internal static void AddFacts(ClaimsIdentity identity, bool emailConfirmed, bool twoFactorEnabled)
    {
        identity.AddClaim(Claim(EmailVerified, emailConfirmed));
        identity.AddClaim(Claim(TwoFactorEnabled, twoFactorEnabled));
    }

    private static Claim Claim(string type, bool value) => new(type, value ? True : "false", ClaimValueTypes.Boolean);
}
