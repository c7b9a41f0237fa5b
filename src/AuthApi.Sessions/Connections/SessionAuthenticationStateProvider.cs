using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Signs the user of an open Blazor circuit out within seconds of the end of their session, as after a logout in another tab. Register it in place of
/// the template's: <c>AddScoped&lt;AuthenticationStateProvider, SessionAuthenticationStateProvider&gt;()</c>.
/// </summary>
/// <param name="loggerFactory">Logs checks that failed.</param>
/// <param name="sessions">The sessions.</param>
/// <param name="identity">The names of Identity's claims.</param>
public sealed class SessionAuthenticationStateProvider(
    ILoggerFactory loggerFactory, UserSessionManager sessions, IOptions<IdentityOptions> identity) : RevalidatingServerAuthenticationStateProvider(loggerFactory)
{
    /// <summary>How often an open circuit is checked. A check reads one user's sessions, and is no use of the session.</summary>
    protected override TimeSpan RevalidationInterval => SessionLiveness.Interval;

    /// <inheritdoc/>
    protected override Task<bool> ValidateAuthenticationStateAsync(AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(authenticationState);
        return sessions.IsLiveAsync(authenticationState.User, identity.Value);
    }
}
