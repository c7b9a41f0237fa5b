using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Claims;
using AuthApi.Api;
using AuthApi.Startup;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.Extensions.Options;

namespace AuthApi.Security;

/// <summary>
/// Requires that the user authenticated within <c>Sessions:RecentAuthentication</c> (ASVS 7.5.1), else 403 <c>reauthentication_required</c>. On an
/// action it holds for every call; <see cref="RecentAuthentication.IsRecentlyAuthenticatedAsync"/> checks it within an action.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class RequireRecentAuthenticationAttribute() : AuthorizeAttribute(PolicyName)
{
    public const string PolicyName = "RecentAuthentication";
}

/// <summary>The key <c>Sessions:RecentAuthentication</c>.</summary>
public sealed class RecentAuthenticationOptions : IValidatableObject
{
    public const string Section = "Sessions";

    /// <summary>How long an authentication counts as recent.</summary>
    public TimeSpan RecentAuthentication { get; set; } = TimeSpan.FromMinutes(10);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (RecentAuthentication < TimeSpan.FromSeconds(1) || RecentAuthentication > TimeSpan.FromDays(1))
        {
            yield return new ValidationResult($"{Section}:{nameof(RecentAuthentication)} must be between one second and one day, not {RecentAuthentication:c}.");
        }
    }
}

internal static class RecentAuthentication
{
    /// <summary>Returns whether the user authenticated recently, for an action that requires it in some of its calls.</summary>
    public static async Task<bool> IsRecentlyAuthenticatedAsync(this HttpContext context) =>
        (await context.RequestServices.GetRequiredService<IAuthorizationService>()
            .AuthorizeAsync(context.User, RequireRecentAuthenticationAttribute.PolicyName)).Succeeded;

    public static IServiceCollection AddRecentAuthentication(this IServiceCollection services)
    {
        services.AddValidatedOptions<RecentAuthenticationOptions>(RecentAuthenticationOptions.Section);
        services.AddSingleton<IAuthorizationHandler, Handler>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, ResultHandler>();
        services.AddAuthorizationBuilder().AddPolicy(
            RequireRecentAuthenticationAttribute.PolicyName,
            policy => policy.RequireAuthenticatedUser().AddRequirements(new Requirement()));
        return services;
    }

    private sealed class Requirement : IAuthorizationRequirement;

    // By the claim auth_time (OpenID Connect Core, 2), which is seconds since 1970.
    private sealed class Handler(IOptions<RecentAuthenticationOptions> options, TimeProvider time) : AuthorizationHandler<Requirement>
    {
        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, Requirement requirement)
        {
            if (long.TryParse(context.User.FindFirstValue("auth_time"), CultureInfo.InvariantCulture, out var seconds)
                && time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(seconds) <= options.Value.RecentAuthentication)
            {
                context.Succeed(requirement);
            }

            return Task.CompletedTask;
        }
    }

    private sealed class ResultHandler : IAuthorizationMiddlewareResultHandler
    {
        private readonly AuthorizationMiddlewareResultHandler _default = new();

        public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult) =>
            authorizeResult is { Forbidden: true, AuthorizationFailure: { FailCalled: false } failure } && failure.FailedRequirements.All(failed => failed is Requirement)
                ? ApiProblem.ReauthenticationRequired.WriteAsync(context)
                : _default.HandleAsync(next, context, policy, authorizeResult);
    }
}
