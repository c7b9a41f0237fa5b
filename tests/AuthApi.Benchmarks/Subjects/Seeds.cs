namespace AuthApi.Benchmarks.Subjects;

/// <summary>Sessions made by a process of their own, so that what it takes to make them burdens nobody who is measured.</summary>
internal static class Seeds
{
    public static Task MakeAsync(string folder, int sessions) => RunAsync("seed", folder, $"{sessions}");

    public static Task MakeTicketsAsync(string folder, int sessions) => RunAsync("seed", "tickets", folder, $"{sessions}");

    /// <summary>The cookies of AuthApi's sessions, in an order that has nothing to do with that in which they were made.</summary>
    public static List<string> Cookies(string folder) =>
        [.. File.ReadLines(DataFolder.Tokens(folder)).Order(StringComparer.Ordinal).Select(Traffic.HttpRequests.SessionCookieOf)];

    private static async Task RunAsync(params string[] command)
    {
        using var seeding = ChildProcess.Start(command);
        var said = await seeding.StandardOutput.ReadToEndAsync();
        await seeding.WaitForExitAsync();
        if (seeding.ExitCode != 0)
        {
            throw new InvalidOperationException($"The sessions could not be made: {said}");
        }
    }
}
