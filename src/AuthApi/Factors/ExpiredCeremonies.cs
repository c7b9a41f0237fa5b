using AuthApi.Storage;
using Microsoft.EntityFrameworkCore;

namespace AuthApi.Factors;

/// <summary>Deletes WebAuthn ceremonies that nobody has ended, every five minutes. They are refused before that.</summary>
internal sealed partial class ExpiredCeremonies(IDbContextFactory<AuthDbContext> contexts, TimeProvider time, ILogger<ExpiredCeremonies> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(PasskeyCeremonies.Lifetime, time);
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
        await context.Set<PasskeyCeremony>().Where(ceremony => ceremony.ExpiresAt <= now).ExecuteDeleteAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Expired ceremonies of passkeys could not be deleted; it is tried again in five minutes.")]
        public static partial void NotDeleted(ILogger logger, Exception exception);
    }
}
