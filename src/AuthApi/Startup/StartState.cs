namespace AuthApi.Startup;

/// <summary>Whether the program runs, or is still being started.</summary>
internal sealed class StartState
{
    public volatile bool HasStarted;
}
