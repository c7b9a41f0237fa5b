using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>Writes last uses to the store at its interval, or when there are many, and once more when the program ends.</summary>
internal sealed partial class LastSeenWriter(
    LastSeenTracker lastSeen, IOptions<UserSessionOptions> options, TimeProvider time, ILogger<LastSeenWriter> logger) : BackgroundService
{
    private readonly LogThrottle _throttle = new(time);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await FlushAsync();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.LastSeenInterval, time);
        var (tick, many) = (timer.WaitForNextTickAsync(stoppingToken).AsTask(), lastSeen.WaitForManyAsync(stoppingToken));
        var urgent = lastSeen.WaitForUrgentAsync(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAny(tick, many, urgent);
            if (stoppingToken.IsCancellationRequested)
            {
                // StopAsync writes what is left, before the store closes; here it could be afterwards.
                return;
            }

            if (urgent.IsCompleted)
            {
                await WriteAsync(lastSeen.FlushUrgentAsync);
                urgent = lastSeen.WaitForUrgentAsync(stoppingToken);
                if (!tick.IsCompleted && !many.IsCompleted)
                {
                    continue;
                }
            }

            while (await FlushAsync() && lastSeen.AreMany)
            {
                // So many came while they were being written.
            }

            tick = tick.IsCompleted ? timer.WaitForNextTickAsync(stoppingToken).AsTask() : tick;
            many = many.IsCompleted ? lastSeen.WaitForManyAsync(stoppingToken) : many;
        }
    }

    private Task<bool> FlushAsync() => WriteAsync(lastSeen.FlushAsync);

    /// <returns>Whether the store took them.</returns>
    private async Task<bool> WriteAsync(Func<Task> flush)
    {
        try
        {
            await flush();
            return true;
        }
        catch (Exception exception)
        {
            if (_throttle.IsDue())
            {
                Log.NotWritten(logger, exception);
            }

            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(202, LogLevel.Warning, "Last uses could not be written; they are kept for the next time.")]
        public static partial void NotWritten(ILogger logger, Exception exception);
    }
}
