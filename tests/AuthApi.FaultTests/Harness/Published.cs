namespace AuthApi.FaultTests.Harness;

/// <summary>What tests do with the published program beside starting it.</summary>
internal static class Published
{
    /// <summary>Runs one of its commands, which is expected to succeed.</summary>
    /// <returns>What it said on standard output.</returns>
    public static async Task<string> RunCommandAsync(string folder, params string[] arguments)
    {
        var (exitCode, output, error) = await RunningProgram.RunAloneAsync(folder, arguments);
        Assert.That(exitCode, Is.Zero, error);
        return output;
    }

    /// <summary>Copies it, for a test that changes the copy, or that needs one which every user can read.</summary>
    /// <returns>The folder of the copy.</returns>
    public static async Task<TemporaryFolder> CopyAsync()
    {
        var copy = new TemporaryFolder();
        await Tool.RunAsync(await PublishedProgram.FolderAsync(), "cp", "--archive", ".", copy.Path);
        return copy;
    }
}
