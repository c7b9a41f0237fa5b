namespace AuthApi.Tests.Harness;

/// <summary>What a test needs of the machine beside the .NET SDK.</summary>
internal static class Needs
{
    /// <summary>Says that it is missing: the test is skipped on a person's machine, and fails where CI is to have it.</summary>
    public static void Missing(string what)
    {
        if (Environment.GetEnvironmentVariable("CI") is { Length: > 0 })
        {
            Assert.Fail($"{what} is missing; in CI it must be there.");
        }

        Assert.Ignore($"Skipped: {what} is missing.");
    }
}
