namespace AuthApi.Tests.Harness;

/// <summary>How the program is started where that is not as usual.</summary>
/// <param name="Copy">The folder of the copy that is started, in the place of the published program.</param>
/// <param name="By">The command that runs it in its own process, as <c>setpriv</c> does.</param>
/// <param name="Environment">More environment variables.</param>
internal sealed record Launch(string? Copy = null, string[]? By = null, IReadOnlyDictionary<string, string>? Environment = null)
{
    /// <summary>Where it may open no more than so many files and connections.</summary>
    public static Launch WithHandles(int handles) => new(By: ["bash", "-c", FormattableString.Invariant($"ulimit -n {handles}; exec \"$@\""), "bash"]);
}
