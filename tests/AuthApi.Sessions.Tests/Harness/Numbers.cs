using System.Diagnostics.Metrics;

namespace AuthApi.Sessions.Tests;

/// <summary>What one application's own instruments say, from now on: the sum of what a counter was given, the sum of what a histogram was, the last of what a gauge read.</summary>
internal sealed class Numbers : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<string, double> _values = new(StringComparer.Ordinal);

    public Numbers(IMeterFactory meters)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == SessionMeter.Name && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                Published[instrument.Name] = instrument;
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>The instruments there are, by their names.</summary>
    public Dictionary<string, Instrument> Published { get; } = new(StringComparer.Ordinal);

    /// <summary>A number by the instrument's name and its tag, as <c>authapi.sessions.ended{reason=revoked}</c>; <see langword="null"/> if nothing was said.</summary>
    public double? this[string name]
    {
        get
        {
            _listener.RecordObservableInstruments();
            lock (_lock)
            {
                return _values.TryGetValue(name, out var value) ? value : null;
            }
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = tags.IsEmpty ? instrument.Name : $"{instrument.Name}{{{tags[0].Key}={tags[0].Value}}}";
        lock (_lock)
        {
            _values[name] = instrument.IsObservable ? value : _values.GetValueOrDefault(name) + value;
        }
    }
}
