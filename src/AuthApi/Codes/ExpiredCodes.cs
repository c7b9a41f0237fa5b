using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Codes;

/// <summary>Deletes codes that time has ended, once an hour. They are refused before that.</summary>
internal sealed partial class ExpiredCodes(IDbContextFactory<AuthDbContext> contexts, TimeProvider time, ILogger<ExpiredCodes> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await DeleteAsync(stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                Log.NotDeleted(logger, exception);
            }
        }
    }

    internal async Task DeleteAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        await context.Set<OneTimeCode>().Where(code => code.ExpiresAt <= now).ExecuteDeleteAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Expired codes could not be deleted; it is tried again in an hour.")]
        public static partial void NotDeleted(ILogger logger, Exception exception);
    }
}
