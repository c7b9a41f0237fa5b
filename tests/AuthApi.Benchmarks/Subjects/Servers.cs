using AuthApi.Storage;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>The servers, each of which is the whole of its process.</summary>
internal static class Servers
{
    public static readonly IReadOnlyList<string> Names = ["authapi", "stock", "tickets", "bare", "bare-transactions", "bare-group"];

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

    public static Task<int> RunStockAsync(string folder, string[] settings) =>
        RunAsync(StockApplication.RunAsync, DataFolder.StockDatabase(folder), folder, settings);

    public static Task<int> RunTicketsAsync(string folder) => RunAsync(TicketsApplication.RunAsync, DataFolder.TicketsDatabase(folder), folder, []);

    public static async Task<int> RunBareAsync(string name, string folder)
    {
        EndWithParent();
        BareLog log = name switch
        {
            "bare-transactions" => new BareTransactions(),
            "bare-group" => new BareGroup(),
            _ => new BareLog(),
        };
        await BareApplication.RunAsync(log, folder);
        return 0;
    }

    private static async Task<int> RunAsync(Func<string[], string, Task> application, string database, string folder, string[] more)
    {
        EndWithParent();

        // AuthApi says by itself where it listens, and its settings, which lie beside this program, silence the framework's line.
        string[] settings =
        [
            .. Settings(database, applicationName: "AuthApi.Benchmarks"),
            "--Logging:LogLevel:Microsoft.Hosting.Lifetime", "Information",
            .. more,
        ];
        await application(settings, folder);
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
