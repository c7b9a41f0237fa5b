using Microsoft.AspNetCore.Diagnostics;

namespace AuthApi.Api;

/// <summary>There is more to do than this machine can do soon. Nothing was done; the client may try again.</summary>
public sealed class ServerBusyException(string message) : Exception(message)
{
    /// <summary>Answers 503 <c>server_busy</c> with <c>Retry-After</c>.</summary>
    internal sealed class Handler : IExceptionHandler
    {
        public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
        {
            if (exception is not ServerBusyException)
            {
                return false;
            }

            await ApiProblem.ServerBusy.WriteAsync(httpContext);
            return true;
        }
    }
}
