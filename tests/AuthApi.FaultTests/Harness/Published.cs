namespace AuthApi.FaultTests.Harness;

/// <summary>The program as it is published, once for all tests.</summary>
internal static class Published
{
    private static readonly Lazy<Task<TemporaryFolder>> Binaries = new(PublishAsync);

    /// <summary>Starts it in <paramref name="folder"/> and returns when it listens.</summary>
    public static Task<RunningProgram> StartAsync(string folder, params string[] arguments) => StartAsync(folder, [], arguments);

    /// <summary>Starts it with these environment variables too.</summary>
    public static async Task<RunningProgram> StartAsync(string folder, Dictionary<string, string> environment, params string[] arguments) =>
        await RunningProgram.StartPublishedAsync((await Binaries.Value).Path, folder, environment, arguments);

    /// <summary>Starts it where it is expected to end by itself.</summary>
    /// <returns>Its exit code and what it said on standard error.</returns>
    public static async Task<(int ExitCode, string Error)> RunToEndAsync(string folder, params string[] arguments) =>
        await RunningProgram.RunPublishedToEndAsync((await Binaries.Value).Path, folder, arguments);

    /// <summary>Runs one of its commands, which is expected to succeed.</summary>
    /// <returns>What it said on standard output.</returns>
    public static async Task<string> RunCommandAsync(string folder, params string[] arguments)
    {
        var (exitCode, output, error) = await RunningProgram.RunPublishedCommandAsync((await Binaries.Value).Path, folder, arguments);
        Assert.That(exitCode, Is.Zero, error);
        return output;
    }

    /// <summary>Starts it and kills it after this time, wherever it is then.</summary>
    public static async Task KillAfterAsync(TimeSpan time, string folder, params string[] arguments) =>
        await RunningProgram.RunPublishedAndKillAsync((await Binaries.Value).Path, folder, time, arguments);

    /// <summary>Copies it, for a test that changes the copy.</summary>
    /// <returns>The folder of the copy.</returns>
    public static async Task<TemporaryFolder> CopyAsync()
    {
        var copy = new TemporaryFolder();
        await Tool.RunAsync((await Binaries.Value).Path, "cp", "--archive", ".", copy.Path);
        return copy;
    }

    public static async Task DeleteAsync()
    {
        if (Binaries.IsValueCreated)
        {
            (await Binaries.Value).Dispose();
        }
    }

    private static async Task<TemporaryFolder> PublishAsync()
    {
        var folder = new TemporaryFolder();
        await RunningProgram.PublishAsync(folder.Path);
        return folder;
    }
}
