using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>Writes last uses to the store at its interval, or when there are many, and once more when the program ends.</summary>
internal sealed partial class LastSeenWriter(
    LastSeenTracker lastSeen, IOptions<UserSessionOptions> options, TimeProvider time, ILogger<LastSeenWriter> logger) : BackgroundService
{
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await FlushAsync();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.LastSeenInterval, time);
        var (tick, many) = (timer.WaitForNextTickAsync(stoppingToken).AsTask(), lastSeen.WaitForManyAsync(stoppingToken));
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAny(tick, many);
            await FlushAsync();
            tick = tick.IsCompleted ? timer.WaitForNextTickAsync(stoppingToken).AsTask() : tick;
            many = many.IsCompleted ? lastSeen.WaitForManyAsync(stoppingToken) : many;
        }
    }

    private async Task FlushAsync()
    {
        try
        {
            await lastSeen.FlushAsync();
        }
        catch (Exception exception)
        {
            Log.NotWritten(logger, exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(202, LogLevel.Warning, "Last uses could not be written; they are kept for the next time.")]
        public static partial void NotWritten(ILogger logger, Exception exception);
    }
}
