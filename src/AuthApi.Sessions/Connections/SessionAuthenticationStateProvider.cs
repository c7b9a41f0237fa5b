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
public sealed partial class SessionAuthenticationStateProvider(
    ILoggerFactory loggerFactory, UserSessionManager sessions, IOptions<IdentityOptions> identity) : RevalidatingServerAuthenticationStateProvider(loggerFactory)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger<SessionAuthenticationStateProvider>();

    /// <summary>How often an open circuit is checked. A check reads the session's row, and is no use of the session.</summary>
    protected override TimeSpan RevalidationInterval => Interval;

    /// <summary>That, for tests, which cannot set the framework's clock.</summary>
    internal TimeSpan Interval { get; init; } = SessionLiveness.Interval;

    /// <inheritdoc/>
    protected override async Task<bool> ValidateAuthenticationStateAsync(AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(authenticationState);
        try
        {
            return await sessions.IsLiveAsync(authenticationState.User, identity.Value);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // The store out of reach ends no session; the next check comes soon. What is thrown from here would sign the user out.
            Log.NotChecked(_logger, exception.Message);
            return true;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(210, LogLevel.Debug, "Whether the session of an open circuit is live could not be read: {Message}")]
        public static partial void NotChecked(ILogger logger, string message);
    }
}
