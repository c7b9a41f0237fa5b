using Microsoft.Playwright;

namespace AuthApi.Tests.Harness;

/// <summary>
/// Pictures of a page for a person to look at, in <c>screenshots</c> beside the built tests: of each step where the environment variable <c>SCREENSHOTS</c> is set, as they cost as much
/// as the rest of a test, and of a test that failed.
/// </summary>
internal sealed class Screenshots
{
    private static readonly bool OfEachStep = Environment.GetEnvironmentVariable("SCREENSHOTS") is { Length: > 0 };

    private int _taken;

    /// <summary>Takes one of a step, where they are wanted.</summary>
    public Task TakeAsync(string what, Func<string, Task> take) => OfEachStep ? SaveAsync(what, take) : Task.CompletedTask;

    /// <summary>Takes one of the page as it is after a test that failed.</summary>
    public async Task TakeOfFailureAsync(IPage? page)
    {
        if (page is not null && TestContext.CurrentContext.Result.Outcome.Status == NUnit.Framework.Interfaces.TestStatus.Failed)
        {
            await SaveAsync("failed", path => page.ScreenshotAsync(new() { Path = path, FullPage = true }));
        }
    }

    private async Task SaveAsync(string what, Func<string, Task> take)
    {
        var test = TestContext.CurrentContext.Test;
        var name = string.Join('-', new[] { test.ClassName!.Split('.')[^1], test.MethodName, test.Arguments.FirstOrDefault()?.ToString(), $"{++_taken}", what }.OfType<string>());
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "screenshots", $"{name}.png");
        await take(path);
        TestContext.AddTestAttachment(path);
    }
}
