using Microsoft.EntityFrameworkCore;

namespace AuthApi.Storage;

/// <summary>A row that is of no use after a time.</summary>
internal interface IExpiringRow
{
    /// <summary>From when on it is refused.</summary>
    DateTimeOffset ExpiresAt { get; }
}

/// <summary>Deletes the rows of one table that have expired. They are refused before that.</summary>
internal sealed partial class ExpiredRows<TRow>(TimeSpan interval, IDbContextFactory<AuthDbContext> contexts, TimeProvider time, ILogger<ExpiredRows<TRow>> logger)
    : BackgroundService
    where TRow : class, IExpiringRow
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await DeleteAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                Log.NotDeleted(logger, typeof(TRow).Name, interval, exception);
            }
        }
    }

    private async Task DeleteAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Set<TRow>().Where(row => row.ExpiresAt <= now).ExecuteDeleteAsync(cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Expired rows of {Table} could not be deleted; it is tried again in {Interval}.")]
        public static partial void NotDeleted(ILogger logger, string table, TimeSpan interval, Exception exception);
    }
}

internal static class ExpiredRows
{
    /// <summary>Has the expired rows of a table deleted, at an interval.</summary>
    public static IServiceCollection AddExpiredRows<TRow>(this IServiceCollection services, TimeSpan interval)
        where TRow : class, IExpiringRow =>
        services.AddHostedService(provider => ActivatorUtilities.CreateInstance<ExpiredRows<TRow>>(provider, interval));
}
