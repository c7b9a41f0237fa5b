namespace AuthApi.Api;

/// <summary>
/// Turns the framework's own errors (404, 405, 415, an unhandled exception) into problems of ours. The stock writer stays
/// silent when <c>Accept</c> does not name JSON; an error here always has its body.
/// </summary>
internal sealed class ProblemWriter : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context) =>
        await ApiProblem.ForStatus(context.HttpContext.Response.StatusCode).WriteAsync(context.HttpContext);
}
