using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AuthApi.Storage;

/// <summary>
/// Whether the store can be read and written, found out by doing both: each room's <see cref="ReadinessProbe"/> reads by the statements of its requests, and a number in
/// the file's header that nothing else uses is written by the one writer, and committed. One result serves all callers within a second.
/// </summary>
internal sealed partial class StoreHealthCheck(
    ReadConnectionPool readers,
    IEnumerable<ReadinessProbe> probes,
    GroupCommit commits,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<StoreHealthCheck> logger)
    : IHealthCheck
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Task<bool>? _finding;
    private long _began;
    private bool _wasReady = true;

    /// <summary>Answers within the time that a client can be made to wait (<see cref="GroupCommit.WaitForCommitAsync"/>).</summary>
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
            await GroupCommit.WaitForCommitAsync(Task.Run(async () =>
            {
                await commits.WriteAsync(WriteAsync);
                return await readers.ReadAsync(async connection =>
                {
                    await connection.Prepare("""SELECT EXISTS (SELECT 1 FROM "AspNetUsers")""").ExecuteScalarAsync();
                    foreach (var probe in probes)
                    {
                        await probe.ReadAsync(connection);
                    }

                    return true;
                });
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

    // Setting it to what it is is a write all the same, which SQLite logs and syncs.
    private static async Task<bool> WriteAsync(PreparedConnection connection)
    {
        await connection.Prepare("PRAGMA user_version = 1").ExecuteNonQueryAsync();
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(105, LogLevel.Error, "Not ready: the store cannot be read and written: {Message}")]
        public static partial void NotReady(ILogger logger, string message);

        [LoggerMessage(106, LogLevel.Information, "Ready: the store can be read and written again.")]
        public static partial void ReadyAgain(ILogger logger);
    }
}
