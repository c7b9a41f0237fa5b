namespace AuthApi.Sessions;

/// <summary>The meter of sessions and of their store, for an application that exports metrics.</summary>
public static class SessionMeter
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "AuthApi.Sessions";
}
