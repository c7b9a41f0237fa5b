using AuthApi.Api;
using AuthApi.Startup;
using Microsoft.AspNetCore.Diagnostics;

namespace AuthApi.Storage;

/// <summary>
/// Answers 503 <c>store_unavailable</c> with <c>Retry-After</c> when the store is out of reach. Never a 401: a client that
/// learns that its session is dead discards its token.
/// </summary>
internal sealed partial class StoreUnavailableExceptionHandler(TimeProvider time, ILogger<StoreUnavailableExceptionHandler> logger) : IExceptionHandler
{
    private readonly LogThrottle _throttle = new(time);

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (!StoreUnavailableException.IsCauseOf(exception))
        {
            return false;
        }

        if (_throttle.IsDue(out var suppressed))
        {
            Log.StoreUnavailable(logger, exception.Message, suppressed);
        }

        await ApiProblem.StoreUnavailable.WriteAsync(httpContext);
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(103, LogLevel.Error, "The store is out of reach: {Message} This is logged once a minute; {Suppressed} more since the last time.")]
        public static partial void StoreUnavailable(ILogger logger, string message, long suppressed);
    }
}
