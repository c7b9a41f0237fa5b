using AuthApi.Api;
using Microsoft.AspNetCore.Diagnostics;

namespace AuthApi.Storage;

/// <summary>Answers 400 where a text of the request reached the database and that cannot store it.</summary>
internal sealed class RefusedTextHandler : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (!StoreErrors.IsRefusedText(exception))
        {
            return false;
        }

        await ApiProblem.BadRequest.WriteAsync(httpContext);
        return true;
    }
}
