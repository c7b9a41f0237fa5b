using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthApi.Sessions;

/// <summary>
/// Checks that the store can be read and written, by doing both (<see cref="IUserSessionStore.ProbeAsync"/>). One result serves all callers within a
/// second.
/// </summary>
internal sealed partial class StoreHealthCheck(
    IUserSessionStore store, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<StoreHealthCheck> logger) : IHealthCheck
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Task<bool>? _finding;
    private long _began;
    private bool _wasReady = true;

    /// <summary>Answers within the time that a client can be made to wait (<see cref="StoreWaitBudget.WaitForCommitAsync"/>).</summary>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        !IsEnding && await FindAsync() && !IsEnding ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy();

    private bool IsEnding => lifetime.ApplicationStopping.IsCancellationRequested;

    private Task<bool> FindAsync()
    {
        lock (_lock)
        {
            if (_finding is null || (_finding.IsCompleted && time.GetElapsedTime(_began) >= Fresh))
            {
                _began = time.GetTimestamp();
                _finding = ProbeAsync();
            }

            return _finding;
        }
    }

    private async Task<bool> ProbeAsync()
    {
        try
        {
            // Elsewhere, as SQLite blocks the thread that asks.
            await StoreWaitBudget.WaitForCommitAsync(Task.Run(async () =>
            {
                await store.ProbeAsync();
                return true;
            }));
        }
        catch (Exception exception)
        {
            if (_wasReady)
            {
                Log.NotReady(logger, exception.Message);
            }

            return _wasReady = false;
        }

        if (!_wasReady)
        {
            Log.ReadyAgain(logger);
        }

        return _wasReady = true;
    }

    private static partial class Log
    {
        [LoggerMessage(105, LogLevel.Error, "Not ready: the store cannot be read and written: {Message}")]
        public static partial void NotReady(ILogger logger, string message);

        [LoggerMessage(106, LogLevel.Information, "Ready: the store can be read and written again.")]
        public static partial void ReadyAgain(ILogger logger);
    }
}
