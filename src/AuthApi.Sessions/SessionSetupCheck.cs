using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>Stops a start that could not serve sessions, before anything else starts, and says what of Identity's cookie does not hold for them.</summary>
internal sealed class SessionSetupCheck(IServiceProvider services) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        // The model is read, and the tables are its.
        var user = services.GetRequiredService<SessionSchema>().UserType;
        if (!services.GetRequiredService<IServiceProviderIsService>().IsService(typeof(UserManager<>).MakeGenericType(user)))
        {
            throw new SessionSetupException(
                $"Sessions are mapped for {user.Name}, and Identity is not registered for it: write builder.Services.AddIdentity<{user.Name}, TRole>(), or name the other user in AddServerSideSessions<TUser>() of OnModelCreating.");
        }

        try
        {
            _ = services.GetRequiredService<IOptions<AuthenticationOptions>>().Value;
        }
        catch (InvalidOperationException exception) when (exception.Message.Contains(IdentityConstants.ApplicationScheme, StringComparison.Ordinal))
        {
            throw new SessionSetupException(
                $"A second scheme is named {IdentityConstants.ApplicationScheme} ({exception.Message}): remove the AddCookie or AddScheme of that name; set the cookie by ConfigureApplicationCookie or sessions.Configure.",
                exception);
        }

        IdentityCookieSettings.LogNotTakenOver(services);
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
