using AuthApi.Api;
using AuthApi.Sessions;
using Microsoft.AspNetCore.Authorization;

namespace AuthApi.Identity;

/// <summary>
/// Requires a recent authentication, and by a factor where the account has one: a code of the authenticator app, a passkey or a recovery code. A password alone would
/// let its thief remove the factor that keeps them out (ASVS 7.5.1).
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class RequireRecentFactorAttribute() : AuthorizeAttribute(PolicyName)
{
    public const string PolicyName = "AuthApi.RecentFactor";
}

/// <summary>The policy of <see cref="RequireRecentFactorAttribute"/>.</summary>
internal static class RecentFactor
{
    /// <summary>The document's words for the 403.</summary>
    public const string Answer =
        "`reauthentication_required`: this needs a recent authentication, and by a factor where the account has one: a code of the authenticator app, a passkey or a recovery code.";

    public static void AddRecentFactor(this IServiceCollection services)
    {
        services.AddSingleton<IAuthorizationHandler, Handler>();
        services.Configure<AuthorizationOptions>(options => options.AddPolicy(
            RequireRecentFactorAttribute.PolicyName,
            policy => policy.Combine(options.GetPolicy(RequireRecentAuthenticationAttribute.PolicyName)!).AddRequirements(new Requirement())));
    }

    private sealed class Requirement : IProblemRequirement
    {
        public ApiProblem Problem { get; } = ApiProblem.ReauthenticationRequired with
        {
            Detail = "The account has a second factor: reauthenticate with twoFactorCode or a passkey.",
        };
    }

    private sealed class Handler : AuthorizationHandler<Requirement>
    {
        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
        {
            if (!context.User.HasClaim(ApplicationClaimsPrincipalFactory.TwoFactorEnabled, ApplicationClaimsPrincipalFactory.True)
                || context.User.FindAll(AuthenticationMethod.ClaimType).Any(method => AuthenticationMethod.IsFactor(method.Value)))
            {
                context.Succeed(requirement);
            }

            return Task.CompletedTask;
        }
    }
}
