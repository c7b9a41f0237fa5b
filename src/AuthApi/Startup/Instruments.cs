using System.Diagnostics.Metrics;

namespace AuthApi.Startup;

/// <summary>Where the program's own instruments are made. What each means is in docs/operations.md.</summary>
public static class Instruments
{
    /// <summary>The name of the program's own meter.</summary>
    public const string MeterName = "AuthApi";

    /// <summary>The program's own meter, which its rooms share.</summary>
    public static Meter CreateMeter(this IMeterFactory meters) => meters.Create(MeterName);
}
