using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Microsoft.AspNetCore.Authorization.Policy;

namespace AuthApi.Api;

/// <summary>A requirement whose failure is answered with a problem of its own, in the place of 403 <c>forbidden</c>.</summary>
internal interface IProblemRequirement : IAuthorizationRequirement
{
    ApiProblem Problem { get; }
}

/// <summary>The same for what fails whatever is required.</summary>
internal sealed class ProblemReason(IAuthorizationHandler handler, ApiProblem problem) : AuthorizationFailureReason(handler, problem.Title)
{
    public ApiProblem Problem => problem;

    /// <summary>Answers with the problem of the first such reason or requirement; all else is answered by the framework.</summary>
    internal sealed class ResultHandler : IAuthorizationMiddlewareResultHandler
    {
        private readonly AuthorizationMiddlewareResultHandler _inner = new();

        public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult) =>
            authorizeResult is { Forbidden: true, AuthorizationFailure: { } failure } && ProblemOf(failure) is { } problem
                ? problem.WriteAsync(context)
                : _inner.HandleAsync(next, context, policy, authorizeResult);

        private static ApiProblem? ProblemOf(AuthorizationFailure failure)
        {
            // Who lacks the role would be refused all the same after what a requirement asks for.
            return failure.FailedRequirements.Any(failed => failed is RolesAuthorizationRequirement) ? null
                : failure.FailureReasons.OfType<ProblemReason>().FirstOrDefault()?.Problem
                    ?? failure.FailedRequirements.OfType<IProblemRequirement>().FirstOrDefault()?.Problem;
        }
    }
}
