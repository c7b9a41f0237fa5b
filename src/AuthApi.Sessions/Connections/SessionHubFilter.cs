using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthApi.Sessions;

/// <summary>
/// Closes a SignalR connection within seconds of the end of the session that opened it: <c>AddSignalR(options =&gt; options.AddFilter&lt;SessionHubFilter&gt;())</c>.
/// Connections of users without a session are left alone; <c>[Authorize]</c> on the hub refuses them.
/// </summary>
/// <param name="sessions">The sessions.</param>
/// <param name="identity">The names of Identity's claims.</param>
/// <param name="time">The time.</param>
/// <param name="logger">Logs checks that failed.</param>
public sealed partial class SessionHubFilter(
    UserSessionManager sessions, IOptions<IdentityOptions> identity, TimeProvider time, ILogger<SessionHubFilter> logger) : IHubFilter
{
    /// <inheritdoc/>
    public Task OnConnectedAsync(HubLifetimeContext context, Func<HubLifetimeContext, Task> next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        if (context.Context.User?.FindSessionId() is not null)
        {
            _ = WatchAsync(context.Context);
        }

        return next(context);
    }

    private async Task WatchAsync(HubCallerContext connection)
    {
        try
        {
            using var timer = new PeriodicTimer(SessionLiveness.Interval, time);
            while (await timer.WaitForNextTickAsync(connection.ConnectionAborted))
            {
                try
                {
                    if (!await sessions.IsLiveAsync(connection.User!, identity.Value))
                    {
                        connection.Abort();
                        return;
                    }
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    // The store out of reach ends no session; the next check comes soon.
                    Log.NotChecked(logger, exception.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The connection has closed.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(208, LogLevel.Debug, "Whether the session of an open connection is live could not be read: {Message}")]
        public static partial void NotChecked(ILogger logger, string message);
    }
}
