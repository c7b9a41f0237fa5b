using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthApi.Sessions;

/// <summary>
/// Answers 503 <c>store_unavailable</c> with <c>Retry-After</c> when the store is out of reach, where the application has
/// <c>UseExceptionHandler</c>. Never a 401: a client that learns that its session is dead discards its token.
/// </summary>
internal sealed partial class StoreUnavailableExceptionHandler(
    IUserSessionStore store, TimeProvider time, ILogger<StoreUnavailableExceptionHandler> logger) : IExceptionHandler
{
    private readonly LogThrottle _throttle = new(time);

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (!store.IsOutOfReach(exception))
        {
            return false;
        }

        if (_throttle.IsDue(out var suppressed))
        {
            Log.StoreUnavailable(logger, exception.Message, suppressed);
        }

        await SessionProblem.StoreUnavailable.WriteAsync(httpContext);
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(103, LogLevel.Error, "The store is out of reach: {Message} This is logged once a minute; {Suppressed} more since the last time.")]
        public static partial void StoreUnavailable(ILogger logger, string message, long suppressed);
    }
}
