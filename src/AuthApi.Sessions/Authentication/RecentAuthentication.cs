using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Requires that the user authenticated within <see cref="UserSessionOptions.RecentAuthentication"/> (ASVS 7.5.1), else 403
/// <c>reauthentication_required</c>. On an action it holds for every call; <see cref="RecentAuthentication.IsRecentlyAuthenticatedAsync"/> checks it
/// within an action.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class RequireRecentAuthenticationAttribute() : AuthorizeAttribute(PolicyName)
{
    /// <summary>The name of the policy.</summary>
    public const string PolicyName = "AuthApi.Sessions.RecentAuthentication";
}

/// <summary>Checks how long ago the user authenticated.</summary>
public static class RecentAuthentication
{
    /// <summary>Returns whether the user authenticated recently, for an action that requires it in some of its calls.</summary>
    /// <param name="context">The request.</param>
    public static async Task<bool> IsRecentlyAuthenticatedAsync(this HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var authorization = context.RequestServices.GetRequiredService<IAuthorizationService>();
        return (await authorization.AuthorizeAsync(context.User, RequireRecentAuthenticationAttribute.PolicyName)).Succeeded;
    }

    internal static void AddRecentAuthentication(this IServiceCollection services)
    {
        services.AddSingleton<IAuthorizationHandler, Handler>();

        // The application's own handler, or the framework's, answers everything else.
        services.AddAuthorization();
        var inner = services.Last(service => service.ServiceType == typeof(IAuthorizationMiddlewareResultHandler));
        services.Add(new ServiceDescriptor(
            typeof(IAuthorizationMiddlewareResultHandler),
            provider => new ResultHandler(Create(provider, inner), provider.GetRequiredService<StoreUnavailableExceptionHandler>()),
            inner.Lifetime));
        services.AddAuthorizationBuilder().AddPolicy(
            RequireRecentAuthenticationAttribute.PolicyName,
            policy => policy.RequireAuthenticatedUser().AddRequirements(new Requirement()));
    }

    private static IAuthorizationMiddlewareResultHandler Create(IServiceProvider provider, ServiceDescriptor descriptor) =>
        (IAuthorizationMiddlewareResultHandler)(descriptor.ImplementationInstance
            ?? descriptor.ImplementationFactory?.Invoke(provider)
            ?? ActivatorUtilities.CreateInstance(provider, descriptor.ImplementationType!));

    private sealed class Requirement : IAuthorizationRequirement;

    // By the claim auth_time (OpenID Connect Core, 2), which is seconds since 1970.
    private sealed class Handler(IOptions<UserSessionOptions> options, TimeProvider time) : AuthorizationHandler<Requirement>
    {
        // The clock of another node may be ahead. One that was ahead by more and was set back would make an authentication recent for as long.
        private static readonly TimeSpan MaxAhead = TimeSpan.FromMinutes(1);

        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
        {
            if (long.TryParse(context.User.FindFirstValue("auth_time"), CultureInfo.InvariantCulture, out var seconds)
                && time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(seconds) is var age
                && age <= options.Value.RecentAuthentication
                && age >= -MaxAhead)
            {
                context.Succeed(requirement);
            }

            return Task.CompletedTask;
        }
    }

    private sealed class ResultHandler(IAuthorizationMiddlewareResultHandler inner, StoreUnavailableExceptionHandler unavailable)
        : IAuthorizationMiddlewareResultHandler
    {
        public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult) =>
            authorizeResult.Succeeded ? inner.HandleAsync(next, context, policy, authorizeResult) : RefuseAsync(next, context, policy, authorizeResult);

        private async Task RefuseAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
        {
            if (authorizeResult is { Forbidden: true, AuthorizationFailure: { FailCalled: false } failure } && failure.FailedRequirements.All(failed => failed is Requirement))
            {
                await SessionProblem.ReauthenticationRequired.WriteAsync(context);
                return;
            }

            // Where another scheme challenges, as that of AddIdentityApiEndpoints, it would answer 401 although the store is out of reach.
            if (authorizeResult.Challenged
                && policy.AuthenticationSchemes.All(scheme => scheme == IdentityConstants.ApplicationScheme)
                && (await context.AuthenticateAsync(IdentityConstants.ApplicationScheme)).Failure is { } unread
                && await unavailable.TryHandleAsync(context, unread, CancellationToken.None))
            {
                return;
            }

            await inner.HandleAsync(next, context, policy, authorizeResult);
        }
    }
}
