using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>Deletes entries older than <see cref="AuditOptions.Retention"/>, at the start and once an hour, in batches.</summary>
internal sealed partial class AuditRetention(
    IUserSessionStore store, CleanupClock clock, IOptions<AuditOptions> options, TimeProvider time, ILogger<AuditRetention> logger) : BackgroundService
{
    private const int Batch = 500;

    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await DeleteOldAsync(stoppingToken);
            }
            catch (Exception exception)
            {
                Log.NotDeleted(logger, exception);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    internal async Task DeleteOldAsync(CancellationToken cancellationToken)
    {
        var before = (await clock.GetUtcNowAsync()).AddSaturating(-options.Value.Retention);
        while (await store.DeleteEventsAsync(before, Batch) == Batch && !cancellationToken.IsCancellationRequested)
        {
        }
    }

    private static partial class Log
    {
        [LoggerMessage(301, LogLevel.Warning, "Old audit entries could not be deleted; it is tried again in an hour.")]
        public static partial void NotDeleted(ILogger logger, Exception exception);
    }
}
