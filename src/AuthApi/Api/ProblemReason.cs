using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;

namespace AuthApi.Api;

/// <summary>A failed authorization that is answered with a problem of its own, in the place of 403 <c>forbidden</c>.</summary>
internal sealed class ProblemReason(IAuthorizationHandler handler, ApiProblem problem) : AuthorizationFailureReason(handler, problem.Title)
{
    public ApiProblem Problem => problem;

    /// <summary>Answers with the problem of the first such reason; all else is answered by the framework.</summary>
    internal sealed class ResultHandler : IAuthorizationMiddlewareResultHandler
    {
        private readonly AuthorizationMiddlewareResultHandler _inner = new();

        public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult) =>
            authorizeResult.Forbidden && authorizeResult.AuthorizationFailure?.FailureReasons.OfType<ProblemReason>().FirstOrDefault() is { } reason
                ? reason.Problem.WriteAsync(context)
                : _inner.HandleAsync(next, context, policy, authorizeResult);
    }
}
