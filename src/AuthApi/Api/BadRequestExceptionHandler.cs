using Microsoft.AspNetCore.Diagnostics;

namespace AuthApi.Api;

/// <summary>Answers what the server finds wrong with a body while it is being read (too large, cut short) with its own 4xx.</summary>
internal sealed class BadRequestExceptionHandler : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not BadHttpRequestException && !IsOfTheChunkReader(exception))
        {
            return false;
        }

        var status = (exception as BadHttpRequestException)?.StatusCode ?? StatusCodes.Status400BadRequest;
        await ApiProblem.ForStatus(status).WriteAsync(httpContext);
        return true;
    }

    // For a chunk larger than any can be, and for trailers that are no text, the server throws an exception that elsewhere would be a bug.
    private static bool IsOfTheChunkReader(Exception exception) =>
        exception is IOException or InvalidOperationException
        && exception.StackTrace?.Contains("Http1ChunkedEncodingMessageBody", StringComparison.Ordinal) == true;
}
