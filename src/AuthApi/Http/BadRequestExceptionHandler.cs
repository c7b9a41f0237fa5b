using Microsoft.AspNetCore.Diagnostics;

namespace AuthApi.Http;

/// <summary>Answers what the server finds wrong with a body while it is being read (too large, cut short) with its own 4xx.</summary>
internal sealed class BadRequestExceptionHandler : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not BadHttpRequestException badRequest)
        {
            return false;
        }

        await ApiProblem.ForStatus(badRequest.StatusCode).WriteAsync(httpContext);
        return true;
    }
}
