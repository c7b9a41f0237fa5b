using System.Globalization;

namespace AuthApi.FaultTests.Harness;

/// <summary>How long the experiments go on: shortly, as in CI, or as long as an environment variable says.</summary>
internal static class Extent
{
    private const int Usual = 20;

    /// <summary>How often a program is killed: 20 times on each store, or <c>AUTHAPI_FAULT_ROUNDS</c>.</summary>
    public static int Kills { get; } = Read("AUTHAPI_FAULT_ROUNDS", Usual);

    /// <summary>The time under mixed load: 20 seconds, or <c>AUTHAPI_FAULT_SECONDS</c>.</summary>
    public static TimeSpan MixedLoad { get; } = TimeSpan.FromSeconds(Read("AUTHAPI_FAULT_SECONDS", 20));

    /// <summary>How long another process holds SQLite's lock: 8 seconds, or a minute where the kills are more than usual.</summary>
    public static TimeSpan Lock => TimeSpan.FromSeconds(Kills > Usual ? 60 : 8);

    /// <summary>How long PostgreSQL is out of reach: 5 seconds, or half a minute where the kills are more than usual.</summary>
    public static TimeSpan Outage => TimeSpan.FromSeconds(Kills > Usual ? 30 : 5);

    private static int Read(string variable, int usual) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? int.Parse(value, CultureInfo.InvariantCulture) : usual;
}
