using Microsoft.Extensions.Options;

namespace AuthApi.Audit;

/// <summary>Deletes entries that are older than they are to be kept, at the start and once an hour, in batches.</summary>
internal sealed partial class AuditRetention(
    AuditTrail trail, IOptions<AuditOptions> options, TimeProvider time, ILogger<AuditRetention> logger) : BackgroundService
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
                while (await trail.DeleteAsync(time.GetUtcNow() - options.Value.Retention, Batch) == Batch && !stoppingToken.IsCancellationRequested)
                {
                }
            }
            catch (Exception exception)
            {
                Log.NotDeleted(logger, exception);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static partial class Log
    {
        [LoggerMessage(301, LogLevel.Warning, "Old audit entries could not be deleted; it is tried again in an hour.")]
        public static partial void NotDeleted(ILogger logger, Exception exception);
    }
}
