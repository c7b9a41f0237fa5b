using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Infrastructure;

namespace AuthApi.Api;

/// <summary>An action's answer when it is a problem.</summary>
public sealed class ProblemResult(ApiProblem problem, IReadOnlyDictionary<string, string[]>? errors = null) : ActionResult, IStatusCodeActionResult
{
    public ApiProblem Problem => problem;

    public int? StatusCode => problem.Status;

    /// <summary>400 <c>validation_failed</c> about one field, by its name in JSON or in the query.</summary>
    public static ProblemResult Invalid(string field, params string[] messages) =>
        new(ApiProblem.ValidationFailed, new Dictionary<string, string[]> { [field] = messages });

    public override Task ExecuteResultAsync(ActionContext context) => problem.WriteAsync(context.HttpContext, errors);
}
