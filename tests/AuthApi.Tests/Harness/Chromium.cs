using Microsoft.Playwright;

namespace AuthApi.Tests.Harness;

/// <summary>A real browser. Where none is installed its tests are skipped, and say so; under CI they fail.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "chrome", "chrome.exe"];

    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;

    private Chromium(IPlaywright playwright, IBrowser browser)
    {
        _playwright = playwright;
        _browser = browser;
    }

    // An element is waited for as long as an answer may take on a busy machine; no test asks for a shorter time.
    static Chromium() => Assertions.SetDefaultExpectTimeout(30_000);

    /// <summary>Starts the browser. In it, every name that ends in <c>.test</c> is this machine's.</summary>
    public static async Task<Chromium> StartAsync()
    {
        if (Find() is not { } program)
        {
            Needs.Missing("A browser (Chromium or Chrome; on Debian: apt-get install chromium; or one that CHROMIUM names)");
            return null!;
        }

        var playwright = await Playwright.CreateAsync();
        try
        {
            return new Chromium(playwright, await playwright.Chromium.LaunchAsync(new()
            {
                ExecutablePath = program,
                Args = ["--host-resolver-rules=MAP *.test 127.0.0.1", "--disable-gpu"],
                Timeout = 60_000,
            }));
        }
        catch
        {
            playwright.Dispose();
            throw;
        }
    }

    /// <summary>A person at the browser, whose cookies are nobody else's.</summary>
    public Task<IBrowserContext> NewPersonAsync() => _browser.NewContextAsync(new() { ViewportSize = new() { Width = 1280, Height = 900 } });

    public async ValueTask DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
    }

    private static string? Find() =>
        Environment.GetEnvironmentVariable("CHROMIUM") is { Length: > 0 } named
            ? named
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
                .SelectMany(folder => Names.Select(name => Path.Combine(folder, name)))
                .FirstOrDefault(File.Exists);
}
