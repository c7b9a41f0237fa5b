using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace AuthApi.Startup;

/// <summary>Says where the program listens when it does, and that it stops when it is told to.</summary>
internal sealed partial class RunReport(
    IServer server, IOptions<HostOptions> options, StartState state, IHostApplicationLifetime lifetime, ILogger<RunReport> logger) : IHostedLifecycleService
{
    // The addresses are known once the server listens. A server in a test has none.
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (server.Features.Get<IServerAddressesFeature>()?.Addresses is { Count: > 0 } addresses)
        {
            Log.Listening(logger, string.Join(", ", addresses));
        }

        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        Log.Stopping(logger, options.Value.ShutdownTimeout);
        return Task.CompletedTask;
    }

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        Log.Stopped(logger);
        return Task.CompletedTask;
    }

    // Not before all the others have started, any of which may find a reason not to.
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(() => state.HasStarted = true);
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Now listening on: {Addresses}")]
        public static partial void Listening(ILogger logger, string addresses);

        [LoggerMessage(2, LogLevel.Information, "Shutting down: no new connection is taken, and requests that are under way have {Limit} to end.")]
        public static partial void Stopping(ILogger logger, TimeSpan limit);

        [LoggerMessage(3, LogLevel.Information, "Shut down: every write that was taken is durable.")]
        public static partial void Stopped(ILogger logger);
    }
}
