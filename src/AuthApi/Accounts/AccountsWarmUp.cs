using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;

namespace AuthApi.Accounts;

/// <summary>
/// Looks up a user that does not exist, before the server listens: what Identity, EF Core and the password hasher load at their first use is
/// loaded by then. A load that failed later, for want of file handles, would fail each login until a restart.
/// </summary>
internal sealed class AccountsWarmUp(IServiceScopeFactory scopes) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<UserManager<ApplicationUser>>().FindByNameAsync("");

        // Nobody asks for it, and its instruments exist once it does.
        scope.ServiceProvider.GetRequiredService<PasswordHashMetrics>();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
