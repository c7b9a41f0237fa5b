using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Authorization.Policy;

namespace AuthApi.Security;

/// <summary>
/// Lets whoever is signed in through where nothing else is asked, as most calls have it, without asking the handlers of requirements one after
/// the other; that is a tenth of a signed-in request. Everything else, and every refusal, is the framework's. So a handler that is to refuse
/// somebody who is signed in has a requirement of its own.
/// </summary>
internal sealed class SignedInPolicyEvaluator : IPolicyEvaluator
{
    private static readonly Task<PolicyAuthorizationResult> Success = Task.FromResult(PolicyAuthorizationResult.Success());

    public Task<AuthenticateResult> AuthenticateAsync(AuthorizationPolicy policy, HttpContext context) =>
        policy.AuthenticationSchemes.Count == 0 && context.Features.Get<IAuthenticateResultFeature>() is { AuthenticateResult: { } found }
            ? Task.FromResult(found)
            : Framework(context).AuthenticateAsync(policy, context);

    public Task<PolicyAuthorizationResult> AuthorizeAsync(
        AuthorizationPolicy policy, AuthenticateResult authenticationResult, HttpContext context, object? resource) =>
        AsksNothingElse(policy) && context.User.Identity is { IsAuthenticated: true }
            ? Success
            : Framework(context).AuthorizeAsync(policy, authenticationResult, context, resource);

    // That requirement itself: what is derived from it may ask more.
    private static bool AsksNothingElse(AuthorizationPolicy policy) =>
        policy.Requirements.Count == 1 && policy.Requirements[0].GetType() == typeof(DenyAnonymousAuthorizationRequirement);

    // Made when it is needed, with all the services behind it.
    private static PolicyEvaluator Framework(HttpContext context) => new(context.RequestServices.GetRequiredService<IAuthorizationService>());
}
