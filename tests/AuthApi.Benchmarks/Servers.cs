using AuthApi.Storage;

namespace AuthApi.Benchmarks;

/// <summary>The servers, each of which is the whole of its process.</summary>
internal static class Servers
{
    // All the load comes from one address. The requests are counted as ever, so that the figures have what counting costs.
    private static readonly string[] Unlimited =
    [
        "--RateLimiting:RequestsPerMinute", "1000000000",
        "--RateLimiting:LoginsPerMinute", "1000000000",
        "--RateLimiting:RegistrationsPerHour", "1000000000",
    ];

    /// <summary>AuthApi as shipped: its own entry point with its own settings but those given, and a database of this run.</summary>
    public static int RunAuthApi(string folder, string[] settings)
    {
        EndWithParent();
        var entryPoint = typeof(AuthDbContext).Assembly.EntryPoint!;
        return (int)entryPoint.Invoke(null, [(string[])[.. Settings(DataFolder.AuthApiDatabase(folder), applicationName: "AuthApi"), .. Unlimited, .. settings]])!;
    }

    public static async Task<int> RunStockAsync(string folder)
    {
        EndWithParent();

        // AuthApi says by itself where it listens, and its settings, which lie beside this program, silence the framework's line.
        string[] settings =
        [
            .. Settings(DataFolder.StockDatabase(folder), applicationName: "AuthApi.Benchmarks"),
            "--Logging:LogLevel:Microsoft.Hosting.Lifetime", "Information",
        ];
        await StockApplication.RunAsync(settings, folder);
        return 0;
    }

    // Development, as only there does AuthApi serve plain HTTP; for both, as the environment changes what the framework does.
    private static string[] Settings(string database, string applicationName) =>
    [
        "--applicationName", applicationName,
        "--environment", "Development",
        "--urls", "http://127.0.0.1:0",
        "--ConnectionStrings:Auth", $"Data Source={database}",
    ];

    // The parent never writes to this process; its end of the pipe closes when it is done, or killed.
    private static void EndWithParent() => new Thread(static () =>
    {
        Console.In.ReadToEnd();
        Environment.Exit(0);
    })
    { IsBackground = true }.Start();
}
