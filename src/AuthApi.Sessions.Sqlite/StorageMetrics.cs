using System.Diagnostics.Metrics;

namespace AuthApi.Sessions.Sqlite;

/// <summary>What the one writer does, in numbers.</summary>
internal sealed class StorageMetrics
{
    private readonly Histogram<int> _batchSize;
    private readonly Histogram<double> _duration;

    public StorageMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(SessionMeter.Name);
        _batchSize = meter.CreateHistogram(
            "authapi.storage.commit.batch_size",
            "{write}",
            "Writes that one commit made durable.",
            advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256] });
        _duration = meter.CreateHistogram(
            "authapi.storage.commit.duration",
            "s",
            "How long one commit took, with the writes in it.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] });
    }

    /// <summary>A batch is durable.</summary>
    public void Committed(int writes, TimeSpan duration)
    {
        _batchSize.Record(writes);
        _duration.Record(duration.TotalSeconds);
    }
}
