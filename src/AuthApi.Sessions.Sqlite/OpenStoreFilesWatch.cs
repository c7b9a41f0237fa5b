using Microsoft.Extensions.Hosting;

namespace AuthApi.Sessions.Sqlite;

/// <summary>Looks each second whether the files of the store are in place, so that what was committed is saved although nobody writes.</summary>
internal sealed class OpenStoreFilesWatch(OpenStoreFiles files, GroupCommit commits, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (files.AreInPlace)
            {
                continue;
            }

            try
            {
                await commits.SaveFilesAsync().WaitAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // Logged where it was saved, whatever it is, and tried again: a full disk may have room in a second, and the end of this service would end the host.
            }
        }
    }
}
