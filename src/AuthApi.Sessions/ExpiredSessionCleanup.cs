using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Deletes expired sessions at the start and at its interval, in batches, so that a large one does not hold up logouts, and counts the
/// live ones where somebody watches their number.
/// </summary>
internal sealed partial class ExpiredSessionCleanup(
    UserSessionManager sessions,
    IUserSessionStore store,
    SessionMetrics metrics,
    IOptions<UserSessionOptions> options,
    TimeProvider time,
    ILogger<ExpiredSessionCleanup> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.CleanupInterval, time);
        do
        {
            try
            {
                var count = await sessions.CleanUpAsync(stoppingToken);
                Log.CleanedUp(logger, count);
                if (metrics.IsLiveWatched)
                {
                    metrics.Counted(await store.CountLiveAsync(time.GetUtcNow()));
                }
            }
            catch (Exception exception)
            {
                Log.NotCleanedUp(logger, exception);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static partial class Log
    {
        [LoggerMessage(203, LogLevel.Debug, "{Count} expired sessions were deleted.")]
        public static partial void CleanedUp(ILogger logger, int count);

        [LoggerMessage(204, LogLevel.Warning, "Expired sessions could not be deleted; they are refused all the same.")]
        public static partial void NotCleanedUp(ILogger logger, Exception exception);
    }
}
