namespace AuthApi.Api;

/// <summary>
/// Turns the framework's own errors (404, 405, 415, an unhandled exception) into our problems. The stock writer writes
/// nothing when <c>Accept</c> does not name JSON; an error here always has its body.
/// </summary>
internal sealed class ProblemWriter : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var response = context.HttpContext.Response;
        var problem = ApiProblem.ForStatus(response.StatusCode);
        if (problem == ApiProblem.MethodNotAllowed && response.Headers.Allow is { Count: > 0 } allowed)
        {
            problem = problem with { Title = $"This address does not take that method; it takes {allowed}." };
        }

        await problem.WriteAsync(context.HttpContext);
    }
}
