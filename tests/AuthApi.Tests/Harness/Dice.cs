namespace AuthApi.Tests.Harness;

/// <summary>Chance that falls the same way each time for the same seed, so that what it found can be found again (SplitMix64).</summary>
internal sealed class Dice(ulong seed)
{
    private ulong _state = seed;

    /// <summary>A number from 0 to one less than <paramref name="below"/>.</summary>
    public int Next(int below)
    {
        _state += 0x9E3779B97F4A7C15;
        var bits = _state;
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
        return (int)((bits ^ (bits >> 31)) % (ulong)below);
    }

    public bool OneIn(int times) => Next(times) == 0;

    public TItem Of<TItem>(params IReadOnlyList<TItem> items) => items[Next(items.Count)];
}
