using AuthApi.Passwords;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Identity;

/// <summary>
/// Looks up a user that does not exist and hashes a password while the server starts, beside it: so what Identity, EF Core and libsodium load at their first
/// use is loaded. A load that failed later, for want of file handles, would fail each login until a restart.
/// </summary>
internal sealed partial class AccountsWarmUp(
    IServiceScopeFactory scopes,
    PasswordHashLimiter limiter,
    IPasswordHasher<ApplicationUser> hasher,
    ILogger<AccountsWarmUp> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await using var scope = scopes.CreateAsyncScope();

            // Nobody asks for it, and its instruments exist once it does.
            scope.ServiceProvider.GetRequiredService<PasswordHashMetrics>();
            await scope.ServiceProvider.GetRequiredService<UserManager<ApplicationUser>>().FindByNameAsync("");
            await limiter.RunAsync(() => hasher.HashPassword(ApplicationUserManager.Nobody, nameof(AccountsWarmUp)), stoppingToken);
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            Log.NotLoaded(logger, exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "What a login needs could not be loaded at the start; the first login loads it.")]
        public static partial void NotLoaded(ILogger logger, Exception exception);
    }
}
